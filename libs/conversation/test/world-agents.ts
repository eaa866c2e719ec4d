import { refuseDeactivated, type Member } from "../src/index.ts";
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
  Object.assign(conversation, { state: "queued", agentId: null, lapsedAt: world.now });
}

export function load(world: RuleWorld, agentId: string | null, by: number): void {
  const member = world.members.find((one) => one.agentId === agentId);
  if (member !== undefined) member.activeCount += by;
}
