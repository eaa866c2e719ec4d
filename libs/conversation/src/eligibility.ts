import { refuse, type Refusal } from "./refusal.ts";

/** What decides whether an agent may get a conversation. */
export interface AgentLoad {
  agentId: string;
  availability: "available" | "away";
  /** Null: no limit. */
  capacity: number | null;
  activeCount: number;
  presentUntil: Date | null;
}

/**
 * What a group makes of agents' screens. `required`: who has none open gets nothing. `counted`: who has ever had one open
 * must have it open; programs and people without the console are not asked. `ignored`: nobody is asked.
 */
export type PresenceRule = "required" | "counted" | "ignored";

/** Returns since when the agent has no screen open, by the group's rule; null where it has, or is not asked. */
export function absentSince(presentUntil: Date | null, presence: PresenceRule, now: Date): Date | "always" | null {
  if (presence === "ignored") return null;
  if (presentUntil === null) return presence === "required" ? "always" : null;
  return presentUntil < now ? presentUntil : null;
}

export type Ineligibility = "away" | "absent" | "full" | "requeued-from";

/** Returns why the agent may not get a conversation now, or null if it may. */
export function whyIneligible(agent: AgentLoad, presence: PresenceRule, now: Date): Ineligibility | null {
  if (agent.availability === "away") return "away";
  if (absentSince(agent.presentUntil, presence, now) !== null) return "absent";
  return isFull(agent) ? "full" : null;
}

/** Returns why nothing may be done by this agent or for it, whoever asks; null where the agent is not deactivated. */
export function refuseDeactivated(agent: { agentId: string; deactivatedAt: Date | null }): Refusal | null {
  if (agent.deactivatedAt === null) return null;
  const at = agent.deactivatedAt.toISOString();
  const message = `The agent is deactivated since ${at}: nothing is done by it or for it. An admin can reactivate it.`;
  return refuse("agent-deactivated", message, { agentId: agent.agentId, at });
}

export function isFull(agent: Pick<AgentLoad, "capacity" | "activeCount">): boolean {
  return agent.capacity !== null && agent.activeCount >= agent.capacity;
}

/** Returns whether the agent may get this many conversations now. */
export function canTake(agent: AgentLoad, count: number, presence: PresenceRule, now: Date): boolean {
  return whyIneligible({ ...agent, activeCount: agent.activeCount + count - 1 }, presence, now) === null;
}
