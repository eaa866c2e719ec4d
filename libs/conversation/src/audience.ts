import { isPermitted, type Asker } from "./permission.ts";

/** Whom an event concerns. It follows from the log alone, so it is the same whenever it is read. */
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
 * Returns whether an event concerns an agent, by the permission to hear of it. This follows from the log, so a reconnect
 * sees what an unbroken connection would have seen.
 */
export function concerns(event: Audience, asker: Extract<Asker, { kind: "agent" }>): boolean {
  return isPermitted(asker, event.isQueueChange ? "hear-queue" : "hear", event);
}

const QUEUE_CHANGES = new Set(["conversation.opened", "conversation.assigned", "conversation.unanswered"]);

type Side = { groupId?: unknown; agentId?: unknown } | undefined;

/** Returns whom an event concerns, by its data and by the place of its conversation, if it has one. */
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

/** Returns the group before the next transfer, or the group of now. */
const groupAt = ({ groupId, nextTransfer }: EventPlace) =>
  nextTransfer === null ? groupId : nextTransfer.from.groupId;

function isQueueChange(type: string, data: Record<string, unknown>, from: Side, to: Side): boolean {
  if (QUEUE_CHANGES.has(type)) return true;
  if (type === "conversation.transferred") return from?.agentId === null || to?.agentId === null;
  return type === "conversation.expired" && data["agentId"] === null;
}

const unique = (ids: unknown[]): string[] => [...new Set(ids.filter((id) => typeof id === "string"))];
