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

export type ConversationAction = "claim" | "transfer" | "send" | "ticket-link" | "template" | "close" | "finalise";

const ACTIONS: Record<ConversationState, readonly ConversationAction[]> = {
  queued: ["claim", "transfer"],
  active: ["send", "transfer", "ticket-link", "close"],
  expired: ["ticket-link", "template", "finalise"],
  closed: [],
  failed: [],
};

/** What can be done with a conversation in a state, by somebody who may. */
export function actionsOn(state: ConversationState): readonly ConversationAction[] {
  return ACTIONS[state];
}
