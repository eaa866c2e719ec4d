import { whyIneligible, type AgentLoad, type PresenceRule } from "./eligibility.ts";
import { refuseOnConversation, type Asker } from "./permission.ts";
import { refuse, type Refusal } from "./refusal.ts";

/** What brought a conversation to where it is: what who comes second is told. */
export interface Move {
  by: string;
  at: Date;
  /** Its place on the conversation's timeline. */
  sequence: number;
  /** Where a transfer took it from, and where to; null for what was no transfer. */
  from: Place | null;
  to: Place | null;
}

/** Where a conversation is: with an agent, or in a group's queue. */
export interface Place {
  agentId: string | null;
  groupId: string;
}

/** Returns why the asker may not even try to transfer what is here, or null where it may. */
export function refuseTransferBy(asker: Asker, { agentId, groupId }: Place, force: boolean): Refusal | null {
  const state = agentId === null ? "queued" : "active";
  return refuseOnConversation(asker, force ? "force-transfer" : "transfer", { agentId, groupId, state });
}

/**
 * For who might have transferred the conversation until somebody else did: it was not too bold, but second. Null where
 * the conversation was not its own to transfer before either.
 */
export function refuseMovedAway(asker: Asker, transfer: Move | null, force: boolean): Refusal | null {
  if (transfer === null || transfer.from === null) return null;
  if (refuseTransferBy(asker, transfer.from, force) !== null) return null;
  return refuseAfter(transfer);
}

/**
 * For a transfer that met the same one on its way, done since it looked: of the two one moves the conversation. Null where
 * the asker might not have done it either, or where the other one went somewhere else.
 */
export function refuseSame(
  asker: Asker,
  asked: { seen: Place & { sequence: number }; to: Place; force: boolean },
  transfer: Move | null,
): Refusal | null {
  const { seen, to, force } = asked;
  if (transfer === null || transfer.to === null || transfer.sequence <= seen.sequence) return null;
  if (transfer.to.agentId !== to.agentId || transfer.to.groupId !== to.groupId) return null;
  return refuseTransferBy(asker, seen, force) === null ? refuseAfter(transfer) : null;
}

function refuseAfter({ by, at: instant }: Move): Refusal {
  const at = instant.toISOString();
  return refuse("conversation-moved", `${by} transferred this conversation at ${at}, before you did.`, { by, at });
}

/** For a transfer to where the conversation is: of two who ask for the same, the second learns who was first and when. */
export function refuseWhereItIs(to: Place, move: Move): Refusal {
  const { by } = move;
  const at = move.at.toISOString();
  return to.agentId === null
    ? refuse("same-group", `It waits in this group already, by ${by} since ${at}.`, { groupId: to.groupId, by, at })
    : refuse("same-agent", `It is with this agent already, by ${by} since ${at}.`, { agentId: to.agentId, by, at });
}

/** Only an open conversation can be transferred. */
export function refuseMoving(state: string): Refusal | null {
  if (state === "queued" || state === "active") return null;
  return refuse("conversation-not-open", `This conversation is ${state}; only an open one can be transferred.`, {
    state,
  });
}

/** Whether a transfer would change nothing but the conversation's place in the queue. */
export function isThere(conversation: Place & { state: string }, to: Place): boolean {
  if (to.agentId !== null) return conversation.agentId === to.agentId;
  return conversation.state === "queued" && conversation.groupId === to.groupId;
}

/** Why the agent may not be given a conversation of the group by a transfer that nobody forces; null where it may. */
export function refuseReceiver(
  receiver: AgentLoad & { name: string; groupIds: readonly string[] },
  group: { id: string; presence: PresenceRule },
  now: Date,
): Refusal | null {
  if (!receiver.groupIds.includes(group.id)) {
    return refuse("not-a-member", `${receiver.name} is not a member of the group. Name a group the agent belongs to.`);
  }
  const why = whyIneligible(receiver, group.presence, now);
  if (why === null || why === "requeued-from") return null;
  const advice = "Choose another agent, transfer to the group, or have an operator force it.";
  return refuse(`agent-${why}`, `${receiver.name} cannot take it: ${why}. ${advice}`, { agentId: receiver.agentId });
}
