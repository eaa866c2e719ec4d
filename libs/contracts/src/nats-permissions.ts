import {
  ACCESS,
  answeredBy,
  FOLLOWERS,
  NATS_USERS,
  OPEN_USER,
  type Access,
  type NatsUser,
  type StreamName,
} from "./access.ts";
import { commandSubject, commandSubjects, EVENT_SUBJECTS, REPLY_SUBJECTS, replyPrefix, STREAMS } from "./subjects.ts";

/** A user's rights in the broker's words. A subject to subscribe to may be followed by the only queue group allowed on it. */
export interface NatsPermissions {
  publish: string[];
  subscribe: string[];
}

export function natsPermissionsOf(user: NatsUser): NatsPermissions {
  const access: Access = ACCESS[user];
  const answered = answeredBy(user);
  const publish = [
    ...access.publishes,
    ...access.sends.map((verb) => commandSubject(verb, user)),
    ...(answered.length > 0 ? [REPLY_SUBJECTS] : []),
    ...access.provisions.flatMap(provisioningSubjects),
    ...access.recreates.map((stream) => streamApi("DELETE", stream)),
    // How much the account holds and may hold.
    ...(access.provisions.length > 0 ? ["$JS.API.INFO"] : []),
    ...access.checks.map((stream) => streamApi("INFO", stream)),
    ...access.reads.flatMap(({ stream, subject }) => readingSubjects(stream, subject)),
    ...(access.isFollower ? followingSubjects(STREAMS.events, user) : []),
  ];
  return {
    publish: [...new Set(publish)],
    subscribe: [
      `${replyPrefix(user)}.>`,
      ...answered.map((verb) => `${commandSubjects(verb)} ${user}`),
      ...(access.isFollower ? [EVENT_SUBJECTS] : []),
    ],
  };
}

const streamApi = (verb: string, stream: StreamName) => `$JS.API.STREAM.${verb}.${stream}`;
const consumerApi = (verb: string, stream: StreamName, consumer: string) =>
  `$JS.API.CONSUMER.${verb}.${stream}.${consumer}`;

function provisioningSubjects(stream: StreamName): string[] {
  const followers = stream === STREAMS.events ? FOLLOWERS : [];
  return [
    ...["INFO", "CREATE", "UPDATE"].map((verb) => streamApi(verb, stream)),
    ...followers.flatMap((user) => [
      consumerApi("INFO", stream, user),
      `${consumerApi("CREATE", stream, user)}.${EVENT_SUBJECTS}`,
    ]),
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
