import { isPermitted, type Asker } from "./permission.ts";

/** Whom an event concerns, told from the log alone, so that it is the same whenever it is read. */
export interface Audience {
  /** Who had the conversation when it happened, and the agent that it is about. */
  agentIds: string[];
  /** The group that the conversation was in when it happened, and those that the event names. */
  groupIds: string[];
  /** Whether it changes a queue, so that all members of the groups see it. */
  isQueueChange: boolean;
}

/** Where the conversation of an event is now, who had it when the event happened, and its next transfer after that. */
export interface EventPlace {
  groupId: string;
  ownerIds: string[];
  nextTransfer: { from: { groupId: string } } | null;
}

/**
 * Whether an event concerns an agent, by the permission to hear of it. Told from the log, so that a reconnect sees what an
 * unbroken connection would have seen.
 */
export function concerns(event: Audience, asker: Extract<Asker, { kind: "agent" }>): boolean {
  return isPermitted(asker, event.isQueueChange ? "hear-queue" : "hear", event);
}

type Side = { groupId?: unknown; agentId?: unknown } | undefined;

/** Tells from an event's data, and from its conversation's place where it has one, whom it concerns. */
export function audienceOf(type: string, data: Record<string, unknown>, place: EventPlace | null): Audience {
  const from = data["from"] as Side;
  const to = data["to"] as Side;
  const groupIds = [data["groupId"], from?.groupId, to?.groupId, place === null ? null : groupAt(place)];
  const agentIds = [data["agentId"], from?.agentId, to?.agentId, ...(place?.ownerIds ?? [])];
  return {
    agentIds: unique(agentIds),
    groupIds: unique(groupIds),
    isQueueChange: isQueueChange(type, data, from, to),
  };
}

/** The group before the next transfer, or where the conversation is now. */
const groupAt = ({ groupId, nextTransfer }: EventPlace) =>
  nextTransfer === null ? groupId : nextTransfer.from.groupId;

function isQueueChange(type: string, data: Record<string, unknown>, from: Side, to: Side): boolean {
  if (type === "conversation.opened" || type === "conversation.assigned") return true;
  if (type === "conversation.transferred") return from?.agentId === null || to?.agentId === null;
  return type === "conversation.expired" && data["agentId"] === null;
}

const unique = (ids: unknown[]): string[] => [...new Set(ids.filter((id) => typeof id === "string"))];
