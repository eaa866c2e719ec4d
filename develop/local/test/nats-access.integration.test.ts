import {
  ACCESS,
  answeredBy,
  commandSubject,
  inboundSubject,
  NATS_USERS,
  passwordKey,
  replyPrefix,
  type Access,
  type NatsUser,
} from "@turno/contracts";
import { answerCommands, connectToNats, type CommandHandlers, type Connection } from "@turno/messaging";
import { findNatsServer, ROOT } from "@turno/servers";
import { provisionTestNats, startTestNats, waitFor } from "@turno/testing";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { coversSubject, NATS_ATTEMPTS, type NatsAttempt } from "./nats-attempts.ts";

const LAST = { operation: "publish", subject: "the.last", queue: undefined };

let nats: Awaited<ReturnType<typeof startTestNats>>;
beforeAll(async () => {
  nats = await startTestNats();
  await provisionTestNats(nats);
});
afterAll(() => nats.stop());

const connectAs = (user: NatsUser) => connectToNats({ url: nats.urlOf(user), name: "test" });
const nameOf = ({
  operation,
  subject,
  queue = "",
}: {
  operation: string;
  subject: string;
  queue?: string | undefined;
}) => `${operation} ${subject} ${queue}`.trim();

/** Tries all of it as one user, and gives what the broker refused. */
async function refusedTo(user: NatsUser): Promise<Set<string>> {
  const connection = await connectAs(user);
  const { nats: client } = connection;
  const refused = new Set<string>();
  const watch = async () => {
    for await (const { permissionContext } of client.status()) {
      if (permissionContext !== undefined) refused.add(nameOf(permissionContext));
    }
  };
  void watch();
  for (const { operation, subject, queue } of [...NATS_ATTEMPTS, LAST]) {
    // No body makes sense to JetStream or to a service, so that what is permitted changes nothing.
    if (operation === "publish") client.publish(subject, "?");
    else client.subscribe(subject, { callback: () => undefined, ...(queue === undefined ? {} : { queue }) });
  }
  // The broker answers in order.
  await waitFor(() => refused.has(nameOf(LAST)), { what: "the last attempt was refused" });
  await connection.close();
  return refused;
}

const DOCUMENT = readFileSync(`${ROOT}/docs/events.md`, "utf8");
const ROW = /^\| .+ \| (publish|subscribe)(?: as queue group `(.+)`)? \| (.+) \|$/gm;

/** What `docs/events.md` says of a user: an operation, a subject or a pattern of them, and the only queue group. */
function documentedOf(user: NatsUser) {
  const [, section = ""] = DOCUMENT.split(`\n### User ${user}\n`);
  const [table = ""] = section.split("\n### ");
  return [...table.matchAll(ROW)].flatMap(([, operation, queue, subjects = ""]) =>
    [...subjects.matchAll(/`([^`]+)`/g)].map(([, pattern = ""]) => ({
      operation: operation === "publish" ? "publish" : "subscription",
      pattern,
      queue,
    })),
  );
}

type Documented = ReturnType<typeof documentedOf>[number];
const saysOf = ({ operation, pattern, queue }: Documented, attempt: NatsAttempt) =>
  operation === attempt.operation &&
  (queue ?? attempt.queue) === attempt.queue &&
  coversSubject(pattern, attempt.subject);

describe("the broker", () => {
  it.each(NATS_USERS)(
    "refuses %s whatever its table does not give it, and nothing else; docs/events.md says just that",
    async (user) => {
      const refused = await refusedTo(user);
      const allowed = NATS_ATTEMPTS.filter((attempt) => !refused.has(nameOf(attempt)));
      const expected = NATS_ATTEMPTS.filter(({ isFor }) => isFor(ACCESS[user], user));
      expect(allowed.map(nameOf)).toEqual(expected.map(nameOf));

      const documented = documentedOf(user);
      const said = NATS_ATTEMPTS.filter((attempt) => documented.some((row) => saysOf(row, attempt)));
      expect(said.map(nameOf)).toEqual(allowed.map(nameOf));
      const untried = documented.filter((row) => !allowed.some((attempt) => saysOf(row, attempt)));
      expect(untried).toEqual([]);
    },
  );

  it("is asked for every call that this nats-server has: each is among the attempts", async () => {
    const { path } = await findNatsServer();
    const program = readFileSync(path, "latin1");
    const calls = new Set(program.match(/\$JS\.API(?:\.(?:[A-Z_]{3,}|%s|[*>]))+/g));
    const tried = NATS_ATTEMPTS.map(({ subject }) => subject.split("."));
    const isTried = (call: string) => {
      const tokens = call.replaceAll("%s", "*").split(".");
      // Strings lie side by side in the program, so that the last word may go on with another one's beginning.
      const isSame = (token: string, word: string | undefined, isLast: boolean) =>
        word !== undefined && (token === "*" || token === ">" || token === word || (isLast && token.startsWith(word)));
      return tried.some((words) => tokens.every((token, at) => isSame(token, words[at], at === tokens.length - 1)));
    };
    expect(calls.size, "found in the program").toBeGreaterThan(30);
    expect([...calls].filter((call) => !isTried(call))).toEqual([]);
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

/** Where an answer to one user may not go. */
const strayRepliesOf = (user: NatsUser) => [
  ...NATS_USERS.filter((other) => other !== user).map((other) => `${replyPrefix(other)}.1`),
  replyPrefix(user),
  `${replyPrefix(user)}x.1`,
  "_INBOX.1",
  "elsewhere",
  "turno.v1.event.conversation.closed.123.1",
  inboundSubject("message"),
  commandSubject("configure", "cli"),
  "$JS.API.STREAM.UPDATE.INBOUND",
  "$JS.API.STREAM.DELETE.EVENTS",
];
/** The broker itself takes no message whose answer would go there. */
const RESERVED_REPLY = "$JS.ACK.EVENTS.bot.1.1.1.1.1";

describe("an answer", () => {
  const connections: Connection[] = [];
  const stray: string[] = [];
  const heard: string[] = [];
  beforeAll(async () => {
    for (const service of NATS_USERS.filter((user) => answeredBy(user).length > 0)) {
      const connection = await connectAs(service);
      connections.push(connection);
      answerCommands(connection, {
        service,
        handlers: Object.fromEntries(
          answeredBy(service).map((verb) => [verb, () => Promise.resolve({})]),
        ) as CommandHandlers,
        once: (_command, run) => run(),
        onAnswer: (verb, outcome) => outcome === "stray" && stray.push(verb),
        onFailure: () => undefined,
        onDefect: () => undefined,
      });
      await connection.nats.flush();
    }
    const everything = await connectToNats({ url: nats.url, name: "test" });
    connections.push(everything);
    everything.nats.subscribe(">", { callback: (_error, { subject }) => heard.push(subject) });
    await everything.nats.flush();
  });
  afterAll(() => Promise.all(connections.map((connection) => connection.close())));

  const senders = NATS_USERS.filter((user) => (ACCESS[user] as Access).sends.length > 0);
  it.each(senders)("to %s goes to its own reply subjects alone, whichever command it sends", async (user) => {
    const connection = await connectAs(user);
    connections.push(connection);
    const { nats: client } = connection;
    const { sends }: Access = ACCESS[user];
    stray.length = 0;
    heard.length = 0;
    for (const verb of sends) {
      const subject = commandSubject(verb, user);
      for (const reply of [...strayRepliesOf(user), RESERVED_REPLY]) client.publish(subject, "?", { reply });
      client.publish(subject, "?");
      // What the owner has in order before this it has looked at.
      const answer = await client.request(subject, "?", { timeout: 20_000 });
      expect(answer.json()).toMatchObject({ refusal: { code: "invalid" } });
    }
    const strays = strayRepliesOf(user).length + 1;
    expect(stray).toEqual(sends.flatMap((verb) => Array.from({ length: strays }, () => verb)));
    await waitFor(
      () => heard.filter((subject) => subject.startsWith(`${replyPrefix(user)}.`)).length === sends.length,
      {
        what: "all answers were heard",
      },
    );
    const others = heard.filter((subject) => !subject.startsWith(`${replyPrefix(user)}.`));
    expect(new Set(others)).toEqual(new Set(sends.map((verb) => commandSubject(verb, user))));
  });
});

describe("deploy/nats", () => {
  const check = async (file: string, environment: Record<string, string>) => {
    const { path } = await findNatsServer();
    const run = spawnSync(path, ["-t", "--config", `${ROOT}/deploy/nats/${file}`], {
      env: environment,
      encoding: "utf8",
    });
    return { isValid: run.status === 0, said: `${run.stdout}${run.stderr}` };
  };
  const passwords = Object.fromEntries(NATS_USERS.map((user) => [passwordKey(user), `n${user.length}`]));

  it("is what nats-server takes, with a password of each user in its environment", async () => {
    expect(await check("nats.conf", passwords)).toMatchObject({ isValid: true });
  });

  it("makes one of a cluster of it, with its name, the routes and their password there too", async () => {
    const routes = [0, 1, 2].map((index) => [`NATS_ROUTE_${index}`, `nats://route:nroute@nats-${index}.nats:6222`]);
    const place = { POD_NAME: "nats-0", NATS_PASSWORD_ROUTE: "nroute", ...Object.fromEntries(routes) };
    expect(await check("nats-cluster.conf", { ...passwords, ...place })).toMatchObject({ isValid: true });
    expect(await check("nats-cluster.conf", passwords)).toMatchObject({ isValid: false });
  });

  it.each(NATS_USERS)("does not start without a password for %s", async (user) => {
    const { [passwordKey(user)]: _left, ...others } = passwords;
    const { isValid, said } = await check("nats.conf", others);
    expect([isValid, said.includes(passwordKey(user))]).toEqual([false, true]);
  });
});
