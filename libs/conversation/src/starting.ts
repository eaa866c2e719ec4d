import type { ClaimingAgent } from "./claiming.ts";
import { isPermitted, refuseUnpermitted, type Asker } from "./permission.ts";
import { refuse, type Refusal } from "./refusal.ts";
import type { ConversationState } from "./sending.ts";

/** Returns why the asker may not write first on a channel of the group in the agent's name; null where it may. */
export function refuseStartBy(asker: Asker, agent: ClaimingAgent, groupId: string): Refusal | null {
  const { agentId, groupIds } = agent;
  const denied =
    refuseUnpermitted(asker, "start-conversation", { agentIds: [], groupIds: [groupId] }) ??
    refuseUnpermitted(asker, "start-for", { agentIds: [agentId], groupIds: [groupId] });
  if (denied !== null) return denied;
  const isOwn = asker.kind === "agent" && asker.agentId === agentId;
  if (isOwn || groupIds.includes(groupId)) return null;
  return refuse("not-a-member", "The agent is not a member of the channel's group. Name one who is.", { groupId });
}

/** Whether the asker may write first to a contact that it names by its id: a stranger's name and phone are not shown to it. */
export function mayNameContact(asker: Asker, contact: { groupIds: readonly string[] }): boolean {
  return isPermitted(asker, "start-conversation", { agentIds: [], groupIds: contact.groupIds });
}

/** Whether writing first is offered with a conversation: it is over, and the asker may write on its channel. */
export function mayStartFrom(asker: Asker, from: { state: ConversationState; channelGroupId: string }): boolean {
  const isOver = from.state === "closed" || from.state === "failed";
  return isOver && isPermitted(asker, "start-conversation", { agentIds: [], groupIds: [from.channelGroupId] });
}

/** The open conversation with the customer on the channel, as who comes second is told of it. */
export interface OpenAlready {
  conversationId: string;
  state: "queued" | "active";
  agentId: string | null;
  agentName: string | null;
  /** Since when it waits, or its agent has it. */
  since: Date;
}

export type StartDecision =
  /** A new conversation opens. */
  | { kind: "open" }
  /** The expired one goes on in a new one, as by a template that is sent on it. */
  | { kind: "continue"; conversationId: string }
  | { kind: "refuse"; refusal: Refusal };

/**
 * Decides where a template goes by which somebody of ours writes first. `last` is the customer's latest conversation on the
 * channel that is not open and did not fail.
 */
export function decideStart(found: {
  open: OpenAlready | null;
  last: { id: string; state: ConversationState; continuedById: string | null } | null;
}): StartDecision {
  const { open, last } = found;
  if (open !== null) return { kind: "refuse", refusal: refuseOpenAlready(open) };
  if (last === null || last.state !== "expired" || last.continuedById !== null) return { kind: "open" };
  return { kind: "continue", conversationId: last.id };
}

function refuseOpenAlready({ conversationId, state, agentId, agentName, since }: OpenAlready): Refusal {
  const at = since.toISOString();
  const where = state === "active" ? `It is with ${agentName} since ${at}` : `It waits in its queue since ${at}`;
  const message = `This customer has an open conversation on this channel. ${where}: go on there.`;
  return refuse("conversation-open", message, { conversationId, state, agentId, agentName, at });
}
