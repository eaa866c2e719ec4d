import {
  ACCESS,
  answeredBy,
  commandSubject,
  commandSubjects,
  COMMAND_VERBS,
  COMMANDS,
  EVENT_SUBJECTS,
  INBOUND_LANES,
  inboundPartsSubject,
  inboundSubject,
  NATS_USERS,
  passwordKey,
  replyPrefix,
  STREAMS,
  type Access,
  type NatsUser,
  type StreamName,
} from "@turno/contracts";
import { connectToNats } from "@turno/messaging";
import { findNatsServer, ROOT } from "@turno/servers";
import { provisionTestNats, startTestNats, waitFor } from "@turno/testing";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Something that a client may try, and who may by the table: a rule over its meaning, not over the subjects made from it. */
interface Attempt {
  what: string;
  operation: "publish" | "subscription";
  subject: string;
  queue?: string;
  isFor: (access: Access, user: NatsUser) => boolean;
}

const nobody = () => false;
const ALL_STREAMS: readonly StreamName[] = [STREAMS.inbound, STREAMS.events];
/** A subject of each lane, and one of the events. */
const STORED = [
  ...INBOUND_LANES.map((lane) => ({ stream: STREAMS.inbound, subject: inboundSubject(lane) })),
  { stream: STREAMS.inbound, subject: inboundPartsSubject() },
  { stream: STREAMS.events, subject: "turno.v1.event.conversation.closed.123.1" },
];

/** Whether a pattern of the table covers a subject. */
function covers(pattern: string, subject: string): boolean {
  const [tokens, wanted] = [subject.split("."), pattern.split(".")];
  return wanted.every((token, index) => token === ">" || token === "*" || token === tokens[index]);
}

const publish = (what: string, subject: string, isFor: Attempt["isFor"]): Attempt => ({
  what,
  operation: "publish",
  subject,
  isFor,
});
const listen = (what: string, subject: string, isFor: Attempt["isFor"], queue?: string): Attempt => ({
  what,
  operation: "subscription",
  subject,
  isFor,
  ...(queue === undefined ? {} : { queue }),
});

function attemptsOnStreams(): Attempt[] {
  const provides = (stream: StreamName) => (access: Access) => access.provisions.includes(stream);
  const reads = (stream: StreamName) => (access: Access) => access.reads.some((read) => read.stream === stream);
  return [
    ...STORED.flatMap(({ stream, subject }) => [
      publish(`store ${subject}`, subject, ({ publishes }) => publishes.some((one) => covers(one, subject))),
      publish(`make a consumer of ${subject}`, `$JS.API.CONSUMER.CREATE.${stream}.any.${subject}`, (access) =>
        access.reads.some((read) => read.stream === stream && covers(read.subject, subject)),
      ),
      listen(`listen to ${subject}`, subject, ({ isFollower }) => isFollower && covers(EVENT_SUBJECTS, subject)),
    ]),
    ...ALL_STREAMS.flatMap((stream) => [
      publish(
        `look at ${stream}`,
        `$JS.API.STREAM.INFO.${stream}`,
        (access) => provides(stream)(access) || reads(stream)(access) || access.checks.includes(stream),
      ),
      ...["CREATE", "UPDATE"].map((verb) =>
        publish(`${verb} ${stream}`, `$JS.API.STREAM.${verb}.${stream}`, provides(stream)),
      ),
      publish(`delete ${stream}`, `$JS.API.STREAM.DELETE.${stream}`, ({ recreates }) => recreates.includes(stream)),
      ...["PURGE", "MSG.GET", "MSG.DELETE", "SNAPSHOT", "RESTORE"].map((verb) =>
        publish(`${verb} ${stream}`, `$JS.API.STREAM.${verb}.${stream}`, nobody),
      ),
      publish(`get from ${stream}`, `$JS.API.DIRECT.GET.${stream}`, nobody),
      publish(`make a consumer of all of ${stream}`, `$JS.API.CONSUMER.CREATE.${stream}.any`, nobody),
      publish(`make a consumer of all of ${stream} with a filter`, `$JS.API.CONSUMER.CREATE.${stream}.any.>`, nobody),
      publish(`make an unnamed consumer of ${stream}`, `$JS.API.CONSUMER.CREATE.${stream}`, nobody),
      publish(`make a durable consumer of ${stream}`, `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.any`, nobody),
      publish(`list consumers of ${stream}`, `$JS.API.CONSUMER.NAMES.${stream}`, nobody),
      ...["INFO", "MSG.NEXT", "DELETE"].map((verb) =>
        publish(`${verb} of a consumer of ${stream}`, `$JS.API.CONSUMER.${verb}.${stream}.any`, reads(stream)),
      ),
      publish(`acknowledge for a consumer of ${stream}`, `$JS.ACK.${stream}.any.1.1.1.1.1`, nobody),
    ]),
    publish("ask how full the account is", "$JS.API.INFO", ({ provisions }) => provisions.length > 0),
    ...["STREAM.NAMES", "STREAM.LIST", "STREAM.CREATE.OTHER", "ACCOUNT.PURGE.$G"].map((api) =>
      publish(`call ${api}`, `$JS.API.${api}`, nobody),
    ),
  ];
}

function attemptsOnCommands(): Attempt[] {
  return COMMAND_VERBS.flatMap((verb) => {
    const owner = COMMANDS[verb].service;
    return [
      ...NATS_USERS.map((as) =>
        publish(
          `send ${verb} as ${as}`,
          commandSubject(verb, as),
          ({ sends }, user) => user === as && sends.includes(verb),
        ),
      ),
      publish(`send ${verb} as nobody`, `turno.v1.command.${verb}`, nobody),
      listen(`answer ${verb}`, commandSubjects(verb), (_access, user) => user === owner, owner),
      listen(`answer ${verb} beside its owner`, commandSubjects(verb), nobody, "other"),
      listen(`listen to ${verb}`, commandSubjects(verb), nobody),
    ];
  });
}

function attemptsOnOthers(): Attempt[] {
  return NATS_USERS.flatMap((owner) => {
    const isOwnFollower = ({ isFollower }: Access, user: NatsUser) => isFollower && user === owner;
    const readsAll = ({ reads }: Access) => reads.some(({ stream }) => stream === STREAMS.events);
    const makesFollower = ({ provisions }: Access) =>
      provisions.includes(STREAMS.events) && (ACCESS[owner] as Access).isFollower;
    return [
      publish(
        `make the consumer of the follower ${owner}`,
        `$JS.API.CONSUMER.CREATE.EVENTS.${owner}.${EVENT_SUBJECTS}`,
        (access) => readsAll(access) || makesFollower(access),
      ),
      listen(`take the replies to ${owner}`, `${replyPrefix(owner)}.>`, (_access, user) => user === owner),
      publish(`reply to ${owner}`, `${replyPrefix(owner)}.any`, (_access, user) => answeredBy(user).length > 0),
      publish(
        `read as the follower ${owner}`,
        `$JS.API.CONSUMER.MSG.NEXT.EVENTS.${owner}`,
        (access, user) => readsAll(access) || isOwnFollower(access, user),
      ),
      publish(`acknowledge as the follower ${owner}`, `$JS.ACK.EVENTS.${owner}.1.1.1.1.1`, isOwnFollower),
      publish(
        `acknowledge as the follower ${owner} to a newer server`,
        `$JS.ACK._.hash.EVENTS.${owner}.1.1.1.1.1.t`,
        isOwnFollower,
      ),
    ];
  });
}

const ATTEMPTS: Attempt[] = [
  ...attemptsOnStreams(),
  ...attemptsOnCommands(),
  ...attemptsOnOthers(),
  ...[">", "turno.>", "turno.v1.>", "turno.v1.inbound.>", "turno.v1.command.>", "turno.v1.command.*"].flatMap(
    (subject) => [
      listen(`listen to ${subject}`, subject, nobody),
      listen(`listen to ${subject} as the inbox`, subject, nobody, "inbox"),
    ],
  ),
  listen(`listen to all events`, EVENT_SUBJECTS, ({ isFollower }) => isFollower),
  ...["_INBOX.>", "_R.>", "_R.*.>", "*.>", "$JS.>", "$JS.API.>", "$JS.ACK.>", "$SYS.>", "$JS.EVENT.>"].map((subject) =>
    listen(`listen to ${subject}`, subject, nobody),
  ),
];

const LAST = publish("publish elsewhere", "elsewhere", nobody);

let nats: Awaited<ReturnType<typeof startTestNats>>;
beforeAll(async () => {
  nats = await startTestNats();
  await provisionTestNats(nats);
});
afterAll(() => nats.stop());

const keyOf = ({ operation, subject, queue }: { operation: string; subject: string; queue?: string | undefined }) =>
  `${operation} ${subject} ${queue ?? ""}`;

/** Tries all of it as one user, and gives what the broker refused. */
async function refusedTo(user: NatsUser): Promise<Set<string>> {
  const connection = await connectToNats({ url: nats.urlOf(user), name: "test" });
  const { nats: client } = connection;
  const refused = new Set<string>();
  const watch = async () => {
    for await (const { permissionContext } of client.status()) {
      if (permissionContext !== undefined) refused.add(keyOf(permissionContext));
    }
  };
  void watch();
  for (const { operation, subject, queue } of [...ATTEMPTS, LAST]) {
    // No body makes sense to JetStream or to a service, so that what is permitted changes nothing.
    if (operation === "publish") client.publish(subject, "?");
    else client.subscribe(subject, { callback: () => undefined, ...(queue === undefined ? {} : { queue }) });
  }
  // The broker answers in order.
  await waitFor(() => refused.has(keyOf(LAST)), { what: "the last attempt was refused" });
  await connection.close();
  return refused;
}

describe("the broker", () => {
  it.each(NATS_USERS)("refuses %s whatever its table does not give it, and nothing else", async (user) => {
    const refused = await refusedTo(user);
    const [may, mayNot] = [[] as string[], [] as string[]];
    for (const attempt of ATTEMPTS) {
      (refused.has(keyOf(attempt)) ? mayNot : may).push(attempt.what);
    }
    const expected = ATTEMPTS.filter(({ isFor }) => isFor(ACCESS[user], user)).map(({ what }) => what);
    expect(may).toEqual(expected);
    expect(mayNot).toHaveLength(ATTEMPTS.length - expected.length);
  });

  it("holds a consumer to the lane that its maker may read", async () => {
    const router = await connectToNats({ url: nats.urlOf("router"), name: "test" });
    const make = async (filter: string) => {
      const config = { name: "any", filter_subject: filter, ack_policy: "none", deliver_policy: "all" };
      const subject = `$JS.API.CONSUMER.CREATE.INBOUND.any.${inboundSubject("message")}`;
      const reply = await router.nats.request(subject, JSON.stringify({ stream_name: "INBOUND", config }));
      return reply.json<{ error?: object }>().error !== undefined;
    };
    expect([await make(inboundSubject("status")), await make(inboundSubject("message"))]).toEqual([true, false]);
    await router.close();
  });
});

describe("deploy/nats.conf", () => {
  const check = async (passwords: Record<string, string>) => {
    const { path } = await findNatsServer();
    const run = spawnSync(path, ["-t", "--config", `${ROOT}/deploy/nats.conf`], { env: passwords, encoding: "utf8" });
    return { isValid: run.status === 0, said: `${run.stdout}${run.stderr}` };
  };
  const passwords = Object.fromEntries(NATS_USERS.map((user) => [passwordKey(user), `n${user.length}`]));

  it("is one that nats-server takes, with a password of each user in its environment", async () => {
    expect(await check(passwords)).toMatchObject({ isValid: true });
  });

  it.each(NATS_USERS)("does not start without a password for %s", async (user) => {
    const { [passwordKey(user)]: _left, ...others } = passwords;
    const { isValid, said } = await check(others);
    expect([isValid, said.includes(passwordKey(user))]).toEqual([false, true]);
  });
});
