/** What of an agent decides whether a conversation may be given to it. */
export interface AgentLoad {
  agentId: string;
  availability: "available" | "away";
  /** Null: without a limit. */
  capacity: number | null;
  activeCount: number;
  presentUntil: Date | null;
}

export type Ineligibility = "away" | "absent" | "full" | "requeued-from";

/** Why no conversation may be given to the agent now, or null where one may. */
export function whyIneligible(agent: AgentLoad, needsPresence: boolean, now: Date): Ineligibility | null {
  if (agent.availability === "away") return "away";
  if (needsPresence && (agent.presentUntil === null || agent.presentUntil < now)) return "absent";
  return isFull(agent) ? "full" : null;
}

export function isFull(agent: Pick<AgentLoad, "capacity" | "activeCount">): boolean {
  return agent.capacity !== null && agent.activeCount >= agent.capacity;
}

/** Whether so many conversations may be given to the agent now. */
export function canTake(agent: AgentLoad, count: number, needsPresence: boolean, now: Date): boolean {
  return whyIneligible({ ...agent, activeCount: agent.activeCount + count - 1 }, needsPresence, now) === null;
}
