import type { Actor, CommandAnswer, CommandRequest } from "@turno/contracts";
import { refuse, refuseDeactivated, refuseUnpermitted, type Refusal } from "@turno/conversation";
import {
  eq,
  isRefusal,
  lockAgents,
  readAsker,
  readClock,
  typed,
  writeEvents,
  type AgentRow,
  type NewEvent,
  type Sql,
} from "@turno/database";
import { agents } from "@turno/database/schema";

export interface AvailabilityOutcome {
  answer: CommandAnswer<"set-availability">;
  /** Groups in which something may now be given out. */
  affectedGroupIds: string[];
}

/**
 * Makes an agent available or away. The agent keeps its conversations. Who leads the agent may set its capacity, too.
 */
export async function setAvailability(
  sql: Sql,
  request: CommandRequest<"set-availability">,
  createId: () => string,
): Promise<AvailabilityOutcome | Refusal> {
  return sql.begin(async (tx) => {
    const agent = (await lockAgents(tx, [request.agentId])).get(request.agentId);
    if (agent === undefined) return refuse("not-found", `There is no agent ${request.agentId}.`);
    const deactivated = refuseDeactivated(agent);
    if (deactivated !== null) return deactivated;
    const asker = await readAsker(tx, request.actor);
    if (isRefusal(asker)) return asker;
    const subject = { agentIds: [agent.agentId], groupIds: agent.groupIds };
    const denied =
      refuseUnpermitted(asker, "set-availability", subject) ??
      (request.capacity === undefined ? null : refuseUnpermitted(asker, "set-capacity", subject));
    if (denied !== null) return denied;

    const { agentId, groupIds } = agent;
    const capacity = request.capacity === undefined ? agent.capacity : request.capacity;
    const answer = { agentId, availability: request.availability, capacity };
    const affectedGroupIds = request.availability === "available" ? groupIds : [];
    if (agent.availability === request.availability && agent.capacity === capacity) return { answer, affectedGroupIds };

    const sequence = agent.sequence + 1;
    const now = await readClock(tx);
    const event = agentUpdated({ ...answer, sequence }, request.actor, createId());
    await Promise.all([
      typed(tx)
        .update(agents)
        .set({
          availability: request.availability,
          offersMissed: 0,
          awaySince: request.availability === "available" ? null : (agent.awaySince ?? now),
          capacity,
          sequence,
        })
        .where(eq(agents.id, agentId)),
      writeEvents(tx, [event], now),
    ]);
    return { answer, affectedGroupIds };
  });
}

/** Returns the event of an agent as it is now; `sequence` is the agent's new one. */
export function agentUpdated(
  {
    agentId,
    availability,
    capacity,
    sequence,
    active,
  }: Pick<AgentRow, "agentId" | "availability" | "capacity" | "sequence"> & { active?: boolean | undefined },
  actor: Actor,
  id: string,
): NewEvent {
  return {
    id,
    type: "agent.updated",
    sequence,
    data: { agentId, availability, capacity, ...(active === undefined ? {} : { active }), actor },
  };
}
