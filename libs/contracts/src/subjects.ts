/** The two JetStream logs: what came in from Meta, and what happened here. */
export const STREAMS = { inbound: "INBOUND", events: "EVENTS" } as const;

/** The lanes of the inbound log; the last token of an inbound subject is a shard, by business number. */
export const INBOUND_LANES = ["message", "status", "account", "unrecognised"] as const;
export type InboundLane = (typeof INBOUND_LANES)[number];

export const DEFAULT_SHARD = "0";

/** Returns `turno.v1.inbound.<lane>.<shard>`. */
export function inboundSubject(lane: InboundLane, shard: string = DEFAULT_SHARD): string {
  return `turno.v1.inbound.${lane}.${shard}`;
}

/**
 * Returns the subject for the parts of a line that is larger than a message. Nobody reads this lane from end to end:
 * the record that ends the line, in the line's own lane, says where its parts are.
 */
export function inboundPartsSubject(shard: string = DEFAULT_SHARD): string {
  return `turno.v1.inbound.part.${shard}`;
}

/** `turno.v1.event.<entity>.<past participle>.<phoneNumberId>.<entityId>`; `type` is `<entity>.<past participle>`. */
export function eventSubject(type: string, phoneNumberId: string, entityId: string): string {
  return `turno.v1.event.${type}.${phoneNumberId}.${entityId}`;
}

/**
 * Returns `turno.v1.command.<verb>.<user>`, on which a user of the broker sends a command. The broker lets nobody else
 * publish there, so whoever answers knows who asks.
 */
export function commandSubject(verb: string, user: string): string {
  return `turno.v1.command.${verb}.${user}`;
}

/** Returns the subjects of a command, whoever sends it. */
export function commandSubjects(verb: string): string {
  return commandSubject(verb, "*");
}

/**
 * Returns the prefix of the subjects for a user's replies: set it as the client's inbox prefix. The broker lets nobody else
 * listen there, and answers to commands go nowhere else.
 */
export function replyPrefix(user: string): string {
  return `_R.${user}`;
}

/** The subjects of all replies. Nothing else is published there, and no stream holds them. */
export const REPLY_SUBJECTS = "_R.>";

export const INBOUND_SUBJECTS = "turno.v1.inbound.>";
export const EVENT_SUBJECTS = "turno.v1.event.>";
