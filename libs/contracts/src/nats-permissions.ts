import {
  ACCESS,
  answeredBy,
  answersOnly,
  FOLLOWERS,
  NATS_USERS,
  OPEN_USER,
  type Access,
  type NatsUser,
  type StreamName,
} from "./access.ts";
import { commandSubject, commandSubjects, EVENT_SUBJECTS, REPLY_SUBJECTS, replyPrefix, STREAMS } from "./subjects.ts";

/** Something that a user may do on NATS, and the subjects by which it does it. */
export interface NatsRight {
  /** What it is, for the reference page. */
  words: string;
  operation: "publish" | "subscribe";
  subjects: readonly string[];
  /** The only queue group in which it may subscribe to these; null where the broker does not care. */
  queue: string | null;
}

/** A user's rights in the broker's words. A subject to subscribe to may be followed by the only queue group allowed on it. */
export interface NatsPermissions {
  publish: string[];
  subscribe: string[];
}

export function natsPermissionsOf(user: NatsUser): NatsPermissions {
  const rights = natsRightsOf(user);
  const allowed = (operation: NatsRight["operation"]) => {
    const ofIt = rights.filter((right) => right.operation === operation);
    const written = ofIt.flatMap(({ subjects, queue }) =>
      subjects.map((subject) => (queue === null ? subject : `${subject} ${queue}`)),
    );
    return [...new Set(written)];
  };
  return { publish: allowed("publish"), subscribe: allowed("subscribe") };
}

/** Returns all that a user may do on NATS. */
export function natsRightsOf(user: NatsUser): NatsRight[] {
  const access: Access = ACCESS[user];
  const answered = answeredBy(user);
  const [commands, received] = [
    access.sends.map((verb) => commandSubject(verb, user)),
    answered.map((verb) => commandSubjects(verb)),
  ];
  const rights = [
    may("publish", writesInWords(access), access.publishes),
    may("publish", "send commands", commands),
    may("publish", "answer commands", answered.length > 0 ? answerSubjects(user) : []),
    ...access.provisions.flatMap(provisioningRights),
    ...access.recreates.map((stream) =>
      may("publish", `delete \`${stream}\`, to create it again`, [streamApi("DELETE", stream)]),
    ),
    may("publish", "ask how much the account holds and may hold", access.provisions.length > 0 ? ["$JS.API.INFO"] : []),
    ...access.checks.map((stream) =>
      may("publish", `look at the settings of \`${stream}\``, [streamApi("INFO", stream)]),
    ),
    ...access.reads.map(({ stream, subject }) =>
      may(
        "publish",
        `read \`${subject}\` in \`${stream}\`, by consumers that it creates, of any name`,
        readingSubjects(stream, subject),
      ),
    ),
    may(
      "publish",
      "read `EVENTS` by the durable consumer of its name, and acknowledge",
      access.isFollower ? followingSubjects(STREAMS.events, user) : [],
    ),
    may("subscribe", "get its replies", [`${replyPrefix(user)}.>`]),
    may("subscribe", "receive commands", received, user),
    may("subscribe", "hear events as they happen", access.isFollower ? [EVENT_SUBJECTS] : []),
  ];
  return rights.filter(({ subjects }) => subjects.length > 0);
}

const answerSubjects = (user: NatsUser) =>
  answersOnly(user)?.map((asker) => `${replyPrefix(asker)}.>`) ?? [REPLY_SUBJECTS];

const may = (
  operation: NatsRight["operation"],
  words: string,
  subjects: readonly string[],
  queue: string | null = null,
): NatsRight => ({ words, operation, subjects, queue });

const writesInWords = ({ publishes }: Access) =>
  publishes.includes(EVENT_SUBJECTS) ? "publish events" : "store what Meta sends";

const streamApi = (verb: string, stream: StreamName) => `$JS.API.STREAM.${verb}.${stream}`;
const consumerApi = (verb: string, stream: StreamName, consumer: string) =>
  `$JS.API.CONSUMER.${verb}.${stream}.${consumer}`;

function provisioningRights(stream: StreamName): NatsRight[] {
  const followers = stream === STREAMS.events ? FOLLOWERS : [];
  const ofFollowers = followers.flatMap((user) => [
    consumerApi("INFO", stream, user),
    `${consumerApi("CREATE", stream, user)}.${EVENT_SUBJECTS}`,
  ]);
  const ofStream = ["INFO", "CREATE", "UPDATE"].map((verb) => streamApi(verb, stream));
  return [
    may("publish", `create \`${stream}\`, and look at and change its settings`, ofStream),
    may("publish", "create the durable consumers of followers, and look at them", ofFollowers),
  ];
}

/**
 * Returns the subjects that a user needs to read a stream. Its own consumers have random names, and the server holds
 * their filter to the one that the subject ends with.
 */
function readingSubjects(stream: StreamName, subject: string): string[] {
  return [
    streamApi("INFO", stream),
    `${consumerApi("CREATE", stream, "*")}.${subject}`,
    ...["INFO", "MSG.NEXT", "DELETE"].map((verb) => consumerApi(verb, stream, "*")),
  ];
}

/**
 * Returns the subjects that a follower needs. A user who may create a consumer may have it deliver to any subject, so a
 * follower gets one that was created for it. Servers write subjects of acknowledgements with and without domain and
 * account.
 */
function followingSubjects(stream: StreamName, consumer: string): string[] {
  return [
    consumerApi("INFO", stream, consumer),
    consumerApi("MSG.NEXT", stream, consumer),
    `$JS.ACK.${stream}.${consumer}.>`,
    `$JS.ACK.*.*.${stream}.${consumer}.>`,
  ];
}

/** Returns the name of the environment variable that holds a user's password. */
export function passwordKey(user: NatsUser): string {
  return `NATS_PASSWORD_${user.replaceAll("-", "_").toUpperCase()}`;
}

/**
 * Writes the part of a nats-server's configuration that holds users and rights; passwords come from its environment. An
 * open server lets a client without a password do everything: for the local stack and tests.
 */
export function writeNatsPermissions({ isOpen = false } = {}): string {
  return `${[
    "# Who may do what on NATS. Generated from libs/contracts/src/access.ts, do not edit it: run `npm run docs`.",
    "authorization {",
    "  users: [",
    ...NATS_USERS.map(writeUser),
    ...(isOpen ? [`    { user: ${OPEN_USER} }`] : []),
    "  ]",
    "}",
    ...(isOpen ? [`no_auth_user: ${OPEN_USER}`] : []),
  ].join("\n")}\n`;
}

function writeUser(user: NatsUser): string {
  const { publish, subscribe } = natsPermissionsOf(user);
  return [
    `    # ${ACCESS[user].summary}`,
    "    {",
    `      user: ${user}`,
    `      password: $${passwordKey(user)}`,
    "      permissions: {",
    ...writeAllowed("publish", publish),
    ...writeAllowed("subscribe", subscribe),
    "      }",
    "    }",
  ].join("\n");
}

function writeAllowed(what: "publish" | "subscribe", subjects: readonly string[]): string[] {
  return [`        ${what}: { allow: [`, ...subjects.map((subject) => `          "${subject}"`), "        ] }"];
}
