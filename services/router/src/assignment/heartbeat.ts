import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { refuse, refuseDeactivated, refuseUnpermitted, type Refusal } from "@turno/conversation";
import { isRefusal, lockAgents, readAsker, type Sql } from "@turno/database";

/** How long one heartbeat keeps an agent present. */
const PRESENCE_SECONDS = 45;

export interface HeartbeatOutcome {
  answer: CommandAnswer<"heartbeat">;
  /** The agent's groups, if it was absent until now; otherwise empty. */
  affectedGroupIds: string[];
}

/** Notes that an agent's screen is open. */
export async function heartbeat(sql: Sql, request: CommandRequest<"heartbeat">): Promise<HeartbeatOutcome | Refusal> {
  return sql.begin(async (tx) => {
    const agent = (await lockAgents(tx, [request.agentId])).get(request.agentId);
    if (agent === undefined) return refuse("not-found", `There is no agent ${request.agentId}.`);
    const deactivated = refuseDeactivated(agent);
    if (deactivated !== null) return deactivated;
    const asker = await readAsker(tx, request.actor);
    if (isRefusal(asker)) return asker;
    const denied = refuseUnpermitted(asker, "heartbeat", { agentIds: [agent.agentId], groupIds: agent.groupIds });
    if (denied !== null) return denied;
    const [row] = await tx<{ presentUntil: Date; now: Date }[]>`
      update agents set present_until = turno_now() + ${PRESENCE_SECONDS} * interval '1 second'
      where id = ${agent.agentId} returning present_until as "presentUntil", turno_now() as now`;
    if (row === undefined) throw new Error("a locked agent is gone");
    const wasPresent = agent.presentUntil !== null && agent.presentUntil > row.now;
    return {
      answer: { presentUntil: row.presentUntil.toISOString() },
      affectedGroupIds: wasPresent ? [] : agent.groupIds,
    };
  });
}
