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

/** Returns `turno.v1.command.<verb>`, a subject of requests and replies. */
export function commandSubject(verb: string): string {
  return `turno.v1.command.${verb}`;
}

/**
 * Returns the prefix of the subjects for a user's replies. The broker lets nobody else listen there. It differs from
 * NATS' own `_INBOX`, so that a program with the usual right to `_INBOX.>` sees none of them.
 */
export function inboxPrefix(user: string): string {
  return `_INBOX_${user}`;
}

export const INBOUND_SUBJECTS = "turno.v1.inbound.>";
export const EVENT_SUBJECTS = "turno.v1.event.>";
