import { actsEverywhere, type Actor } from "@turno/contracts";
import { refuse, refuseDeactivated, type Asker, type Refusal, type Role } from "@turno/conversation";
import { agents } from "../schema/index.ts";
import type { Sql, Transaction } from "./connection.ts";
import { eq } from "../schema/drizzle.ts";
import { typed } from "../schema/typed.ts";

export interface AgentRow {
  agentId: string;
  name: string;
  role: Role;
  availability: "available" | "away";
  capacity: number | null;
  activeCount: number;
  awaySince: Date | null;
  presentUntil: Date | null;
  deactivatedAt: Date | null;
  sequence: number;
  groupIds: string[];
}

/** Locks agents in the order of their ids and reads them with their groups. */
export async function lockAgents(tx: Transaction, agentIds: readonly string[]): Promise<Map<string, AgentRow>> {
  const rows = await tx<AgentRow[]>`
    select agent.id as "agentId", agent.name, agent.role, agent.availability, agent.capacity,
      agent.active_count as "activeCount", agent.away_since as "awaySince",
      agent.present_until as "presentUntil", agent.deactivated_at as "deactivatedAt", agent.sequence,
      array(select group_id from group_members where agent_id = agent.id) as "groupIds"
    from agents as agent where agent.id = any(${[...agentIds]}::uuid[])
    order by agent.id for no key update of agent`;
  return new Map(rows.map((row) => [row.agentId, row]));
}

/** Returns what the rules need to know about whoever asks. */
export async function readAsker(sql: Sql | Transaction, actor: Actor): Promise<Asker | Refusal> {
  if (actor.kind === "service") {
    const { name } = actor;
    return { kind: "service", name, groupIds: actsEverywhere(name) ? "all" : await readProgramGroups(sql, name) };
  }
  if (actor.kind === "system")
    return refuse("not-permitted", "A command names the agent or the service that sends it.");
  const [row] = await sql<{ role: Role; groupIds: string[]; deactivatedAt: Date | null }[]>`
    select role, deactivated_at as "deactivatedAt", array(select group_id from group_members where agent_id = agents.id) as "groupIds"
    from agents where id = ${actor.agentId}`;
  if (row === undefined) return refuse("not-found", `There is no agent ${actor.agentId}.`);
  const { deactivatedAt, ...agent } = row;
  const deactivated = refuseDeactivated({ agentId: actor.agentId, deactivatedAt });
  return deactivated ?? { kind: "agent", agentId: actor.agentId, ...agent };
}

/** Returns the groups in which a program acts: none where it is not configured. */
async function readProgramGroups(sql: Sql | Transaction, name: string): Promise<"all" | string[]> {
  const [row] = await sql<{ inAllGroups: boolean; groupIds: string[] }[]>`
    select in_all_groups as "inAllGroups",
      array(select group_id from program_groups where program_name = programs.name) as "groupIds"
    from programs where name = ${name}`;
  return row?.inAllGroups === true ? "all" : (row?.groupIds ?? []);
}

/** Returns an actor's name, for people. */
export async function nameActor(tx: Transaction, actor: Actor): Promise<string> {
  if (actor.kind === "system") return "Turno";
  if (actor.kind === "service") return actor.name;
  const [agent] = await typed(tx).select({ name: agents.name }).from(agents).where(eq(agents.id, actor.agentId));
  return agent?.name ?? "an agent";
}

export function isRefusal(value: object | null): value is Refusal {
  return value !== null && "code" in value && "message" in value;
}
