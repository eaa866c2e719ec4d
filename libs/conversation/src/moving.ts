import { refuseTransferBy, type Asker } from "./permission.ts";
import { refuse, type Refusal } from "./refusal.ts";

/** What brought a conversation to where it is: what who comes second is told. */
export interface Move {
  by: string;
  at: Date;
  /** Where a transfer took it from; null for what was no transfer. */
  from: { agentId: string | null; groupId: string } | null;
}

/**
 * For who might have transferred the conversation until somebody else did: it was not too bold, but second. Null where
 * the conversation was not its own to transfer before either.
 */
export function refuseMovedAway(asker: Asker, transfer: Move | null, force: boolean): Refusal | null {
  if (transfer === null || transfer.from === null) return null;
  if (refuseTransferBy(asker, transfer.from, force) !== null) return null;
  const { by } = transfer;
  const at = transfer.at.toISOString();
  return refuse("conversation-moved", `${by} transferred this conversation at ${at}, before you did.`, { by, at });
}

/** For a transfer to where the conversation is: of two who ask for the same, the second learns who was first and when. */
export function refuseWhereItIs(to: { agentId: string | null; groupId: string }, move: Move): Refusal {
  const { by } = move;
  const at = move.at.toISOString();
  return to.agentId === null
    ? refuse("same-group", `It waits in this group already, by ${by} since ${at}.`, { groupId: to.groupId, by, at })
    : refuse("same-agent", `It is with this agent already, by ${by} since ${at}.`, { agentId: to.agentId, by, at });
}
