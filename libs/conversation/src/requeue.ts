/** Why a conversation goes back to its queue without being asked to. */
export type RequeueCause = "no-first-answer" | "agent-absent";

/**
 * Returns why an agent's conversation goes back to the queue at `now`, or null if it stays. It goes back if the agent
 * did not answer for as long as the group allows, counted from the assignment; or, in a group that asks for presence,
 * if the agent's presence lapsed as long ago as the group allows. A limit of 0 seconds means no limit.
 */
export function requeueCause(
  held: { assignedAt: Date; hasAnswered: boolean; presentUntil: Date | null },
  group: { needsPresence: boolean; firstAnswerSeconds: number; absentRequeueSeconds: number },
  now: Date,
): RequeueCause | null {
  const isOver = (since: Date, seconds: number) => seconds > 0 && now.getTime() >= since.getTime() + seconds * 1000;
  if (!held.hasAnswered && isOver(held.assignedAt, group.firstAnswerSeconds)) return "no-first-answer";
  // An agent who got it by force, and was never present, counts as absent from then on.
  const lapsedAt =
    held.presentUntil === null || held.presentUntil < held.assignedAt ? held.assignedAt : held.presentUntil;
  if (group.needsPresence && isOver(lapsedAt, group.absentRequeueSeconds)) return "agent-absent";
  return null;
}
