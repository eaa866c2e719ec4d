import {
  ACCESS,
  answeredBy,
  commandSubject,
  commandSubjects,
  COMMAND_VERBS,
  COMMANDS,
  EVENTS,
  eventSubject,
  EVENT_SUBJECTS,
  INBOUND_LANES,
  inboundPartsSubject,
  inboundSubject,
  NATS_USERS,
  OPEN_USER,
  replyPrefix,
  STREAMS,
  type Access,
  type NatsUser,
  type StreamName,
} from "@turno/contracts";

/** Something that a client may try, and who may by the table: a rule over its meaning, not over the subjects made from it. */
export interface NatsAttempt {
  operation: "publish" | "subscription";
  subject: string;
  queue: string | undefined;
  isFor: (access: Access, user: NatsUser) => boolean;
}

const wordsOf = (text: string) => text.trim().split(/\s+/);

const nobody = () => false;
const ALL_STREAMS: readonly StreamName[] = [STREAMS.inbound, STREAMS.events];
const SHARDS = ["0", "7"];
const ENTITY = "01900000-0000-7000-8000-000000000001";
/** Every subject that a stream holds: each lane and its parts, in two shards, and each event. */
const STORED = [
  ...SHARDS.flatMap((shard) => [
    ...INBOUND_LANES.map((lane) => ({ stream: STREAMS.inbound, subject: inboundSubject(lane, shard) })),
    { stream: STREAMS.inbound, subject: inboundPartsSubject(shard) },
  ]),
  ...Object.keys(EVENTS).map((type) => ({ stream: STREAMS.events, subject: eventSubject(type, "123", ENTITY) })),
];

/** Whether a pattern covers a subject, or all that a narrower pattern covers. */
export function coversSubject(pattern: string, subject: string): boolean {
  const [tokens, wanted] = [subject.split("."), pattern.split(".")];
  if (wanted.at(-1) !== ">" && tokens.length !== wanted.length) return false;
  return (
    tokens.length >= wanted.length &&
    wanted.every((token, index) => token === ">" || (token === "*" ? tokens[index] !== ">" : token === tokens[index]))
  );
}

const publish = (subject: string, isFor: NatsAttempt["isFor"]): NatsAttempt => ({
  operation: "publish",
  subject,
  queue: undefined,
  isFor,
});
const listen = (subject: string, isFor: NatsAttempt["isFor"], queue?: string): NatsAttempt => ({
  operation: "subscription",
  subject,
  queue,
  isFor,
});

const provides = (stream: StreamName) => (access: Access) => access.provisions.includes(stream);
const reads = (stream: StreamName) => (access: Access) => access.reads.some((read) => read.stream === stream);
const follows = (stream: StreamName, consumer: string) => (access: Access, user: NatsUser) =>
  access.isFollower && stream === STREAMS.events && user === consumer;

function attemptsOnStored(): NatsAttempt[] {
  return STORED.flatMap(({ stream, subject }) => {
    const hears = ({ isFollower }: Access) => isFollower && coversSubject(EVENT_SUBJECTS, subject);
    return [
      publish(subject, ({ publishes }) => publishes.some((one) => coversSubject(one, subject))),
      publish(`$JS.API.CONSUMER.CREATE.${stream}.any.${subject}`, (access) =>
        access.reads.some((read) => read.stream === stream && coversSubject(read.subject, subject)),
      ),
      publish(`$JS.API.DIRECT.GET.${stream}.${subject}`, nobody),
      listen(subject, hears),
      listen(subject, hears, "any"),
    ];
  });
}

/** The calls of JetStream about one stream that nobody may make. */
const OF_STREAM = wordsOf(`
  PURGE SNAPSHOT RESTORE MSG.GET MSG.DELETE CANCEL_MOVE
  LEADER.STEPDOWN PEER.REMOVE PEER.EVACUATE
`);
/** The calls about one consumer that nobody may make. */
const OF_CONSUMER = wordsOf("PAUSE RESET UNPIN LEADER.STEPDOWN PEER.REMOVE PEER.EVACUATE DURABLE.CREATE");

function attemptsOnStreams(): NatsAttempt[] {
  return ALL_STREAMS.flatMap((stream) => [
    publish(
      `$JS.API.STREAM.INFO.${stream}`,
      (access) => provides(stream)(access) || reads(stream)(access) || access.checks.includes(stream),
    ),
    ...["CREATE", "UPDATE"].map((verb) => publish(`$JS.API.STREAM.${verb}.${stream}`, provides(stream))),
    publish(`$JS.API.STREAM.DELETE.${stream}`, ({ recreates }) => recreates.includes(stream)),
    ...OF_STREAM.map((verb) => publish(`$JS.API.STREAM.${verb}.${stream}`, nobody)),
    ...["MOVE", "CANCEL_MOVE"].map((verb) => publish(`$JS.API.ACCOUNT.STREAM.${verb}.$G.${stream}`, nobody)),
    publish(`$JS.API.DIRECT.GET.${stream}`, nobody),
    ...["CREATE", "NAMES", "LIST"].map((verb) => publish(`$JS.API.CONSUMER.${verb}.${stream}`, nobody)),
    publish(`$JS.any.API.STREAM.INFO.${stream}`, nobody),
    publish(`$JS.FC.${stream}.any.1`, nobody),
    publish(`$JS.FC._.hash.${stream}.any.1`, nobody),
    ...["ACK", "RESTORE"].map((verb) => publish(`$JS.SNAPSHOT.${verb}.${stream}.1`, nobody)),
    ...["any", ...NATS_USERS].flatMap((consumer) => attemptsOnConsumer(stream, consumer)),
  ]);
}

function attemptsOnConsumer(stream: StreamName, consumer: string): NatsAttempt[] {
  const follower = Object.entries(ACCESS).find(([user, { isFollower }]) => user === consumer && isFollower);
  const makes = (access: Access) => stream === STREAMS.events && provides(stream)(access) && follower !== undefined;
  const isFollowed = follows(stream, consumer);
  const call = (verb: string, isFor: NatsAttempt["isFor"]) =>
    publish(`$JS.API.CONSUMER.${verb}.${stream}.${consumer}`, isFor);
  return [
    call("INFO", (access, user) => reads(stream)(access) || isFollowed(access, user) || makes(access)),
    call("MSG.NEXT", (access, user) => reads(stream)(access) || isFollowed(access, user)),
    call("DELETE", reads(stream)),
    call("CREATE", nobody),
    publish(`$JS.API.CONSUMER.CREATE.${stream}.${consumer}.>`, nobody),
    publish(`$JS.API.CONSUMER.CREATE.${stream}.${consumer}.${EVENT_SUBJECTS}`, (access) =>
      stream === STREAMS.events ? reads(stream)(access) || makes(access) : false,
    ),
    ...OF_CONSUMER.map((verb) => call(verb, nobody)),
    // With domain and hash of the account, as newer servers write it, and without.
    publish(`$JS.ACK.${stream}.${consumer}.1.1.1.1.1`, isFollowed),
    publish(`$JS.ACK._.hash.${stream}.${consumer}.1.1.1.1.1.t`, isFollowed),
  ];
}

function attemptsOnCommands(): NatsAttempt[] {
  return COMMAND_VERBS.flatMap((verb) => {
    const owner = COMMANDS[verb].service;
    const isOwner = (_access: Access, user: NatsUser) => user === owner;
    return [
      ...NATS_USERS.flatMap((as) => [
        publish(commandSubject(verb, as), ({ sends }, user) => user === as && sends.includes(verb)),
        listen(commandSubject(verb, as), nobody),
        listen(commandSubject(verb, as), isOwner, owner),
      ]),
      publish(`turno.v1.command.${verb}`, nobody),
      publish(commandSubject(verb, "somebody"), nobody),
      listen(commandSubjects(verb), nobody),
      ...[...NATS_USERS, "other"].map((queue) =>
        listen(commandSubjects(verb), queue === owner ? isOwner : nobody, queue),
      ),
    ];
  });
}

function attemptsOnReplies(): NatsAttempt[] {
  return [
    ...NATS_USERS.flatMap((owner) => {
      const isOwn = (_access: Access, user: NatsUser) => user === owner;
      // These two answer the operators' tool, and nobody else.
      const answers = (_access: Access, user: NatsUser) =>
        user === "gateway" || user === "provisioner" ? owner === "cli" : answeredBy(user).length > 0;
      return [
        publish(`${replyPrefix(owner)}.any`, answers),
        publish(`${replyPrefix(owner)}.any.1`, answers),
        publish(`_INBOX.${owner}.any`, nobody),
        ...[undefined, "any", owner].flatMap((queue) => [
          listen(`${replyPrefix(owner)}.>`, isOwn, queue),
          listen(`${replyPrefix(owner)}.any`, isOwn, queue),
        ]),
        listen(`_INBOX.${owner}.>`, nobody),
      ];
    }),
    ...["_R.>", "_R.*", "_R.*.>", "_INBOX.>"].map((subject) => listen(subject, nobody)),
    publish("_INBOX.any", nobody),
    publish(`${replyPrefix(OPEN_USER)}.any`, (_access, user) => answeredBy(user).length > 0),
  ];
}

/** What is about no stream, consumer or command of ours: calls about all of JetStream, other accounts' and other uses. */
const CALLS = wordsOf(`
  STREAM.NAMES STREAM.LIST STREAM.CREATE.OTHER STREAM.INFO.OTHER CONSUMER.CREATE.OTHER.any.>
  ACCOUNT.PURGE.$G META.LEADER.STEPDOWN META.RESCUE SERVER.REMOVE SERVER.EVACUATE OTHER
`);
const SYSTEM = wordsOf(`
  $SYS.REQ.SERVER.PING $SYS.REQ.SERVER.any.RELOAD $SYS.REQ.SERVER.any.KICK $SYS.REQ.USER.INFO
  $SYS.REQ.ACCOUNT.$G.JSZ $SYS.DEBUG.SUBSCRIBERS $SYS.ACCOUNT.$G.CONNECT $SYS.REQ.CLAIMS.UPDATE
  $JSC.SYNC.any $NRG.V.any $SRV.PING $SRV.INFO.any $KV.any.key $OBJ.any.key $MQTT.msgs.any
  $JS.EVENT.ADVISORY.API elsewhere turno.v1.other turno.v2.command.send.cli
`);
const WIDE = wordsOf(`
  > *.> turno.> turno.v1.> turno.v1.*.> turno.v1.inbound.> turno.v1.inbound.message.*
  turno.v1.command.> turno.v1.command.* turno.v1.command.*.* turno.v1.command.*.bot
  $JS.> $JS.API.> $JS.API.STREAM.UPDATE.* $JS.ACK.> $JS.FC.> $JS.EVENT.> $JS.EVENT.ADVISORY.>
  $SYS.> $SRV.> $KV.> $OBJ.> $JSC.> $NRG.> $MQTT.>
`);

const hearsAll = ({ isFollower }: Access) => isFollower;

export const NATS_ATTEMPTS: readonly NatsAttempt[] = [
  ...attemptsOnStored(),
  ...attemptsOnStreams(),
  ...attemptsOnCommands(),
  ...attemptsOnReplies(),
  publish("$JS.API.INFO", ({ provisions }) => provisions.length > 0),
  ...CALLS.map((call) => publish(`$JS.API.${call}`, nobody)),
  ...SYSTEM.flatMap((subject) => [publish(subject, nobody), listen(subject, nobody)]),
  ...[undefined, ...NATS_USERS].flatMap((queue) => [
    ...WIDE.map((subject) => listen(subject, nobody, queue)),
    listen(EVENT_SUBJECTS, hearsAll, queue),
    listen("turno.v1.event.conversation.>", hearsAll, queue),
  ]),
];
