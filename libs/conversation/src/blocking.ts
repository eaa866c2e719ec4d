import { refuseEnded, type Ended, type Ending } from "./closing.ts";
import { isPermitted, refuseOnConversation, type Asker, type HeldConversation } from "./permission.ts";
import { refuse, type Refusal } from "./refusal.ts";

/** A conversation that somebody wants to end as spam. */
interface Disturbing extends HeldConversation {
  /** Its group's setting. */
  agentsMayCloseAsSpam: boolean;
}

/**
 * Returns why the asker may not end the conversation as spam, or null where it may. It is the one exception of the rule that
 * nothing ends without a ticket: operators and admins may, and agents with their own where their group lets them. Programs
 * act as operators do.
 */
export function refuseSpamBy(asker: Asker, conversation: Disturbing): Refusal | null {
  const denied = refuseOnConversation(asker, "close-as-spam", conversation);
  if (denied !== null) return denied;
  if (conversation.agentsMayCloseAsSpam || mayBlock(asker, conversation.groupId)) return null;
  const message =
    "Agents of this group may not close as spam: ask an operator, or an admin to let them (`agentsMayCloseAsSpam`).";
  return refuse("not-permitted", message);
}

/** Whether ending it as spam is offered with a conversation: while it is open. What has expired is finalised as anything. */
export function mayCloseAsSpam(asker: Asker, conversation: Disturbing): boolean {
  const isOpen = conversation.state === "queued" || conversation.state === "active";
  return isOpen && refuseSpamBy(asker, conversation) === null;
}

/** Whether blocking and unblocking its contact is offered with a conversation of the group. */
export function mayBlock(asker: Asker, groupId: string): boolean {
  return isPermitted(asker, "block-contact", { agentIds: [], groupIds: [groupId] });
}

/** Returns how a conversation ends as spam, from any state in which it is not over. */
export function endAsSpam(state: HeldConversation["state"], ended: Ended | null): Ending | Refusal {
  if (state === "closed" || state === "failed") return refuseEnded(state, ended);
  return state === "expired" ? "finalised" : "closed";
}

/** Returns the refusal of what is meant for a contact that is blocked. */
export function refuseBlocked(blockedAt: Date): Refusal {
  const at = blockedAt.toISOString();
  const message = `This contact is blocked since ${at}: nothing is sent to it. An operator may unblock it.`;
  return refuse("contact-blocked", message, { at });
}
