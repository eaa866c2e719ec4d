import { isOffered, refuseAnswerToOffer, refuseDeactivated, requeueCause, type Member } from "../src/index.ts";
import type { RuleWorld, WorldConversation } from "./world-state.ts";

/** Deactivates an agent, or reactivates it: what it has waits again, and what has expired with it is nobody's. */
export function deactivate(world: RuleWorld, member: Member | undefined): void {
  if (member === undefined || world.deactivated.delete(member.agentId)) return;
  world.deactivated.set(member.agentId, world.now);
  member.availability = "away";
  for (const conversation of world.conversations.values()) {
    if (conversation.agentId !== member.agentId) continue;
    if (conversation.state === "expired") conversation.agentId = null;
    if (conversation.state !== "active") continue;
    Object.assign(conversation, { state: "queued", agentId: null });
    load(world, member.agentId, -1);
  }
}

export function isDeactivated(world: RuleWorld, agentId: string): boolean {
  return refuseDeactivated({ agentId, deactivatedAt: world.deactivated.get(agentId) ?? null }) !== null;
}

export function flip(world: RuleWorld, member: Member | undefined): void {
  if (member !== undefined && !isDeactivated(world, member.agentId))
    member.availability = member.availability === "away" ? "available" : "away";
}

/** The agent did not answer: what it has waits again. */
export function lapse(world: RuleWorld, conversation: WorldConversation | undefined): void {
  if (conversation?.state !== "active" || conversation.agentId === null) return;
  load(world, conversation.agentId, -1);
  conversation.lapsedAgentIds = [...conversation.lapsedAgentIds, conversation.agentId];
  Object.assign(conversation, { state: "queued", agentId: null, lapsedAt: world.now, offeredUntil: null });
}

/** Who has been offered it says yes, or no: then it waits for somebody else. */
export function answerOffer(world: RuleWorld, conversation: WorldConversation | undefined, accepts: boolean): void {
  if (conversation === undefined || conversation.agentId === null) return;
  if (refuseAnswerToOffer(conversation.agentId, conversation) !== null) return;
  if (accepts) conversation.offeredUntil = null;
  else lapse(world, conversation);
}

/** What is not accepted in time waits again. */
export function lapseOffers(world: RuleWorld): void {
  const { now } = world;
  const limits = { presence: "ignored", firstAnswerSeconds: 0, answerSeconds: 0, absentRequeueSeconds: 0 } as const;
  for (const conversation of world.conversations.values()) {
    if (!isOffered(conversation)) continue;
    const held = {
      ...conversation,
      assignedAt: conversation.openedAt,
      wroteAt: null,
      awaySince: null,
      presentUntil: null,
    };
    if (requeueCause(held, { ...limits, whenAway: "keep" }, now) !== null) lapse(world, conversation);
  }
}

export function load(world: RuleWorld, agentId: string | null, by: number): void {
  const member = world.members.find((one) => one.agentId === agentId);
  if (member !== undefined) member.activeCount += by;
}
