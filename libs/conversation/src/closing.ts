import { refuse, type Refusal } from "./refusal.ts";
import type { ConversationState } from "./sending.ts";

/** How a conversation ends: an active one is closed, an expired one is finalised. */
export type Ending = "closed" | "finalised";

/** Who ended a conversation, and when. The next person who tries to end it is told. */
export interface Ended {
  by: string;
  at: Date;
}

/**
 * Returns why a conversation may not end like this, or null if it may. It needs a confirmed ticket link if its group
 * asks for one. The second person to end it learns who was first and when.
 */
export function refuseEnding(
  ending: Ending,
  conversation: {
    state: ConversationState;
    ticketLink: "proposed" | "confirmed" | null;
    needsTicket: boolean;
    ended: Ended | null;
    continuedById: string | null;
  },
): Refusal | null {
  const refusal = refuseState(ending, conversation);
  if (refusal !== null) return refusal;
  if (!conversation.needsTicket || conversation.ticketLink === "confirmed") return null;
  const what =
    conversation.ticketLink === "proposed"
      ? "Its ticket link is only proposed: confirm it, or reject it and link another ticket."
      : "Link it to a ticket, or make one.";
  return refuse("ticket-needed", `This conversation cannot end without a ticket. ${what}`, {
    ticketLink: conversation.ticketLink,
  });
}

function refuseState(
  ending: Ending,
  { state, ended, continuedById }: { state: ConversationState; ended: Ended | null; continuedById: string | null },
): Refusal | null {
  if (state === "closed" || state === "failed") return refuseEnded(state, ended);
  if (state === "queued") {
    return refuse("conversation-waits", "This conversation waits in the queue: claim it before you close it.", {
      state,
    });
  }
  if (ending === "closed" && state === "expired") {
    return refuse("conversation-expired", "This conversation is expired: it can only be finalised.", {
      state,
      allowed: continuedById === null ? ["ticket-link", "template", "finalise"] : ["finalise"],
    });
  }
  if (ending === "finalised" && state === "active") {
    return refuse("conversation-not-open", "This conversation is active: close it. Only an expired one is finalised.", {
      state,
    });
  }
  return null;
}

/** Returns the refusal of anything that is asked of a conversation that is over. */
export function refuseEnded(state: "closed" | "failed", ended: Ended | null): Refusal {
  const at = ended?.at.toISOString();
  const who = ended === null ? "" : ` by ${ended.by} at ${at}`;
  return refuse("conversation-closed", `This conversation is ${state}${who}; nothing more can be done with it.`, {
    state,
    ...(ended === null ? {} : { by: ended.by, at }),
  });
}
