import type { Deciding, Distribution } from "./distribute.ts";
import { canTake, isFull, whyIneligible, type AgentLoad } from "./eligibility.ts";

/** A group with what was decided for it. */
export interface Decided {
  groupId: string;
  deciding: Deciding;
  distribution: Distribution;
}

export interface Chosen {
  /** The groups whose chosen agents are all locked, and may still get what was decided. */
  holding: Decided[];
  /** Agents whom the decisions for these groups make full. */
  full: Set<string>;
  /** Members that are not eligible, with their agents locked: they may rest. */
  resting: { groupId: string; agentId: string; lastTurn: number }[];
}

/**
 * Checks decisions again, now that the agents are locked. An agent of several groups has one capacity, so a group's
 * decision holds only if each of its agents can take everything that all groups decided for it. `taken` has the agents
 * who were chosen, `rested` those who were found ineligible, each if it could be locked.
 */
export function confirmChosen(
  decided: readonly Decided[],
  taken: ReadonlyMap<string, AgentLoad>,
  rested: ReadonlyMap<string, AgentLoad>,
): Chosen {
  const counts = countByAgent(decided);
  const holding = decided.filter(({ deciding: { presence, now }, distribution }) =>
    distribution.assignments.every(({ agentId }) => {
      const agent = taken.get(agentId);
      return agent !== undefined && canTake(agent, counts.get(agentId) ?? 0, presence, now);
    }),
  );
  const given = countByAgent(holding);
  const full = [...taken.values()].filter((agent) =>
    isFull({ ...agent, activeCount: agent.activeCount + (given.get(agent.agentId) ?? 0) }),
  );
  const resting = decided.flatMap(({ groupId, deciding: { members, presence, now } }) =>
    members.flatMap(({ agentId, lastTurn }) => {
      const agent = rested.get(agentId);
      const mayRest = agent !== undefined && whyIneligible(agent, presence, now) !== null;
      return mayRest ? [{ groupId, agentId, lastTurn }] : [];
    }),
  );
  return { holding, full: new Set(full.map(({ agentId }) => agentId)), resting };
}

/** Returns the number of conversations that each agent was chosen for. */
export function countByAgent(decided: readonly Decided[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { agentId } of decided.flatMap(({ distribution }) => distribution.assignments)) {
    counts.set(agentId, (counts.get(agentId) ?? 0) + 1);
  }
  return counts;
}
