import { isMemberOf, isOperatorOf, type Asker } from "./permission.ts";
import { refuse, type Refusal } from "./refusal.ts";
import type { ConversationState } from "./sending.ts";

/** A conversation is read by who has it, by its group while nobody has it, by operators of its group, admins, services. */
export function refuseReadingConversation(
  asker: Asker,
  conversation: { agentId: string | null; groupId: string },
): Refusal | null {
  const { agentId, groupId } = conversation;
  if (isOperatorOf(asker, [groupId])) return null;
  if (asker.kind === "agent" && asker.agentId === agentId) return null;
  if (agentId === null && isMemberOf(asker, groupId)) return null;
  return refuse("not-permitted", "This conversation is another agent's. An operator of its group may read it.");
}

export type ConversationAction =
  | "claim"
  | "send"
  | "template"
  | "transfer"
  | "force-transfer"
  | "ticket-link"
  | "close"
  | "finalise";

const ACTIONS: Record<ConversationState, readonly ConversationAction[]> = {
  queued: ["claim", "send", "ticket-link", "transfer", "force-transfer", "template"],
  active: ["send", "ticket-link", "close", "transfer", "force-transfer", "template"],
  expired: ["ticket-link", "template", "finalise"],
  closed: [],
  failed: [],
};

/**
 * What somebody who may read a conversation can do with it now. Whoever reads it may do what its state allows, but only
 * members claim, only operators force or work on what waits, and nobody sends free form once the session is over.
 */
export function actionsFor(
  asker: Asker,
  conversation: { state: ConversationState; groupId: string; isSessionOpen: boolean },
): ConversationAction[] {
  const { state, groupId, isSessionOpen: canSend } = conversation;
  const canClaim = asker.kind === "service" || asker.groupIds.includes(groupId);
  const canForce = isOperatorOf(asker, [groupId]);
  const canWork = state !== "queued" || canForce;
  const may: Partial<Record<ConversationAction, boolean>> = {
    claim: canClaim,
    send: canWork && canSend,
    "ticket-link": canWork,
    template: canWork,
    "force-transfer": canForce,
  };
  return ACTIONS[state].filter((action) => may[action] !== false);
}

/** Returns the groups in which a person sees every conversation; in a list of what waits, an agent sees its own groups. */
export function scopeOf(asker: Asker, isQueue: boolean): "all" | "none" | readonly string[] {
  if (asker.kind === "service" || asker.role === "admin") return "all";
  return isQueue || asker.role === "operator" ? asker.groupIds : "none";
}
