import { COMMANDS, EXAMINATION_VERBS, type CommandVerb } from "./commands.ts";
import type { Actor } from "./event-parts.ts";
import {
  EVENT_SUBJECTS,
  inboundPartsSubject,
  inboundSubject,
  INBOUND_LANES,
  STREAMS,
  type InboundLane,
} from "./subjects.ts";

export type StreamName = (typeof STREAMS)[keyof typeof STREAMS];

/** What one NATS user may do. The broker refuses everything else. */
export interface Access {
  /** Who connects as this user, and why. */
  summary: string;
  /** Streams that it creates and changes, with the durable consumers of followers on them. */
  provisions: readonly StreamName[];
  /**
   * Of these, the streams that it may also delete, to create them with other settings: only what can be filled again.
   */
  recreates: readonly StreamName[];
  /** Streams whose settings it checks before it works, apart from those that it reads. */
  checks: readonly StreamName[];
  /** Subjects to which it publishes, apart from commands and their answers. */
  publishes: readonly string[];
  /** What it reads from streams, from any position, by consumers that it creates for itself. */
  reads: readonly { stream: StreamName; subject: string }[];
  /**
   * Whether it sees events live, and reads `EVENTS` by a durable consumer of its name, which the provisioner creates.
   */
  isFollower: boolean;
  /** Commands that it sends. */
  sends: readonly CommandVerb[];
  /** For whom it may ask, apart from itself: then the command names them as its actor, and their rights count. */
  speaksFor: readonly ("agent" | "service")[];
  /** Whether it acts in every group. Anything else is a program, and acts in the groups that the configuration gives it. */
  actsEverywhere: boolean;
}

export const COMMAND_VERBS = Object.keys(COMMANDS) as CommandVerb[];

const NOTHING = {
  provisions: [],
  recreates: [],
  checks: [],
  publishes: [],
  reads: [],
  isFollower: false,
  sends: [],
  speaksFor: [],
  actsEverywhere: false,
} as const;

/** What is ours, or the operators' own. */
const OWN = { ...NOTHING, actsEverywhere: true } as const;

/** Every shard of a lane. */
const lane = (name: InboundLane) => inboundSubject(name, "*");

/** A reader of a lane may meet a line that is divided. */
const INBOUND_PARTS = { stream: STREAMS.inbound, subject: inboundPartsSubject("*") } as const;

/** Every service that changes the database publishes the outbox, and first looks at the end of `EVENTS`. */
const RELAY = {
  publishes: [EVENT_SUBJECTS],
  reads: [{ stream: STREAMS.events, subject: EVENT_SUBJECTS }],
} as const;

/** What one service or the operators' tool asks of a service, and nobody else: the inbox's people have no use for it. */
const BETWEEN_SERVICES = new Set<CommandVerb>(["retry-status", "read-templates", ...EXAMINATION_VERBS]);

/**
 * Every NATS user: our services under their own names, then a user for each kind of program beside them. One more program
 * is one more entry here, and `npm run docs`. `deploy/nats/nats-permissions.conf` is made from this.
 */
export const ACCESS = {
  provisioner: {
    ...OWN,
    summary:
      "Makes the streams, and the consumers of followers. It reads nothing, and tells the operators' tool of them.",
    provisions: [STREAMS.inbound, STREAMS.events],
    recreates: [STREAMS.events],
  },
  gateway: {
    ...OWN,
    summary: "Stores what Meta sends. It reads nothing, sends no command, and tells the operators' tool of itself.",
    checks: [STREAMS.inbound],
    publishes: [...INBOUND_LANES.map(lane), INBOUND_PARTS.subject],
  },
  router: {
    ...OWN,
    ...RELAY,
    summary: "Reads the message lane, publishes events, and passes on what the sender has to try again.",
    reads: [{ stream: STREAMS.inbound, subject: lane("message") }, INBOUND_PARTS, ...RELAY.reads],
    sends: ["retry-status"],
    speaksFor: ["agent", "service"],
  },
  "session-tracker": {
    ...OWN,
    ...RELAY,
    summary: "Publishes events, and has a list of templates read.",
    sends: ["read-templates"],
  },
  sender: {
    ...OWN,
    ...RELAY,
    summary: "Reads the lanes about statuses and accounts, and publishes events.",
    reads: [
      { stream: STREAMS.inbound, subject: lane("status") },
      { stream: STREAMS.inbound, subject: lane("account") },
      INBOUND_PARTS,
      ...RELAY.reads,
    ],
  },
  inbox: {
    ...OWN,
    ...RELAY,
    summary: "Publishes events, and sends other services' commands for the people who use its API, by their roles.",
    sends: COMMAND_VERBS.filter((verb) => COMMANDS[verb].service !== "inbox" && !BETWEEN_SERVICES.has(verb)),
    speaksFor: ["agent"],
  },
  bot: {
    ...NOTHING,
    summary: "A program that talks with customers: follows events, answers, and names the ticket it is about.",
    isFollower: true,
    sends: ["send", "start-conversation", "propose-ticket-link"],
  },
  observer: {
    ...NOTHING,
    summary: "A program that only follows events, for instance for billing or figures.",
    isFollower: true,
  },
  cli: {
    ...OWN,
    summary: "`npm run turno`, for the operators of Turno: sends every command, follows events.",
    isFollower: true,
    sends: COMMAND_VERBS,
    speaksFor: ["agent", "service"],
  },
} as const satisfies Record<string, Access>;

/** The user of a client that connects without a password to an open server: the local stack, and tests. It may do all. */
export const OPEN_USER = "developer";

export type NatsUser = keyof typeof ACCESS;
export const NATS_USERS = Object.keys(ACCESS) as NatsUser[];

/** The users that read events by a durable consumer of their name. */
export const FOLLOWERS = NATS_USERS.filter((user) => (ACCESS[user] as Access).isFollower);

/**
 * Returns whether who asks by this name acts in every group: our own services and the operators' tool. Any other name is a
 * program's.
 */
export function actsEverywhere(name: string): boolean {
  return name === OPEN_USER || (Object.hasOwn(ACCESS, name) && ACCESS[name as NatsUser].actsEverywhere);
}

/** Returns the commands that a user answers: those of the service of that name. */
export function answeredBy(user: NatsUser): CommandVerb[] {
  return COMMAND_VERBS.filter((verb) => COMMANDS[verb].service === user);
}

/**
 * Returns the users whose commands a user answers, or null for anybody. Who answers the operators' tool alone, as the
 * gateway does, which everybody reaches, can publish no answer to anybody else.
 */
export function answersOnly(user: NatsUser): readonly string[] | null {
  const examined: readonly CommandVerb[] = EXAMINATION_VERBS;
  // The local stack's tool connects as the open user, whom no other broker has.
  return answeredBy(user).every((verb) => examined.includes(verb)) ? ["cli", OPEN_USER] : null;
}

/** Returns whether a user of the broker may send a command of this actor. One that the table does not know asks for itself. */
export function maySpeakFor(user: string, actor: Actor): boolean {
  if (user === OPEN_USER || (actor.kind === "service" && actor.name === user)) return true;
  const speaksFor: readonly string[] = Object.hasOwn(ACCESS, user)
    ? (ACCESS[user as NatsUser] as Access).speaksFor
    : [];
  return speaksFor.includes(actor.kind);
}
