import {
  confirmChosen,
  countByAgent,
  REASON_AGENTS_MAX,
  type AgentLoad,
  type Chosen,
  type Decided,
  type Deciding,
  type Member,
} from "@turno/conversation";
import { asJson, type Transaction } from "@turno/database";

/** What one decision reads of a group's members: those who are next, and as many who rest as a reason names. */
export type SeenMembers = Pick<Deciding, "members" | "isWhole" | "others">;

export type MemberRow = Member & { groupId: string; isInRotation: boolean };

/** The most conversations that a group may give out. */
interface Wanted {
  groupId: string;
  count: number;
}

/** One more than a reason names, which shows whether there are more. */
const RESTING_MAX = REASON_AGENTS_MAX + 1;

const limitOf = ({ count }: Wanted) => count + REASON_AGENTS_MAX;

/**
 * Reads the members who are next in groups whose locks the caller holds: one for each conversation that may be given
 * out, and as many as a reason names. What it reads does not grow with the group. It locks no agent: the caller
 * decides, then locks the chosen ones with `lockChosen`, which checks again.
 *
 * Returns the query itself, which is sent when it is awaited: after what the caller awaits before it in the same round
 * trip.
 */
export function readRotations(tx: Transaction, groups: readonly Wanted[]) {
  const wanted = groups.map((group) => ({ groupId: group.groupId, limit: limitOf(group) }));
  return tx<MemberRow[]>`
    select member.group_id as "groupId", member.agent_id as "agentId", member.last_turn as "lastTurn",
      member.is_in_rotation as "isInRotation", agent.*
    from json_to_recordset(${asJson(wanted)}::text::json) as wanted("groupId" uuid, "limit" int)
    cross join lateral (
      (select * from group_members where group_id = wanted."groupId" and is_in_rotation
        order by last_turn, agent_id limit wanted."limit")
      union all
      (select * from group_members where group_id = wanted."groupId" and not is_in_rotation
        order by last_turn, agent_id limit ${RESTING_MAX})
    ) as member
    -- Row by row by their keys: left to itself the planner reads all agents for the few that are next.
    cross join lateral (
      select availability, capacity, active_count as "activeCount", present_until as "presentUntil"
      from agents where id = member.agent_id limit 1
    ) as agent
    order by "lastTurn", "agentId"`;
}

/** Returns what the rows of `readRotations` say of each group. */
export function seeMembers(groups: readonly Wanted[], rows: readonly MemberRow[]): Map<string, SeenMembers> {
  const byGroup = Map.groupBy(rows, ({ groupId }) => groupId);
  return new Map(
    groups.map((group) => {
      const own = byGroup.get(group.groupId) ?? [];
      const members = own.filter(({ isInRotation }) => isInRotation);
      const others = own.filter(({ isInRotation }) => !isInRotation);
      return [group.groupId, { members, others, isWhole: members.length < limitOf(group) }];
    }),
  );
}

/**
 * Locks the chosen agents in the order of their ids, and checks again whether each may have everything that was decided
 * for it. It leaves out a group with an agent who may not, because something changed in between or, with `isWaiting`
 * false, because somebody else holds the agent's lock. It locks ineligible agents whom nobody else has locked, so that
 * they may rest.
 */
export async function lockChosen(
  tx: Transaction,
  decided: readonly Decided[],
  { isWaiting }: { isWaiting: boolean },
): Promise<Chosen> {
  const counts = countByAgent(decided);
  const ineligible = new Set(decided.flatMap(({ distribution }) => distribution.ineligible));
  const lock = async (agentIds: string[], wait: ReturnType<typeof tx>) => {
    if (agentIds.length === 0) return new Map<string, AgentLoad>();
    const rows = await tx<AgentLoad[]>`
      select id as "agentId", availability, capacity, active_count as "activeCount", present_until as "presentUntil"
      from agents where id = any(${agentIds}::uuid[]) order by id for no key update ${wait}`;
    return new Map(rows.map((row) => [row.agentId, row]));
  };
  const [taken, rested] = await Promise.all([
    lock([...counts.keys()], isWaiting ? tx`` : tx`skip locked`),
    lock(
      [...ineligible].filter((agentId) => !counts.has(agentId)),
      tx`skip locked`,
    ),
  ]);
  return confirmChosen(decided, taken, rested);
}
