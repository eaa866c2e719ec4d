import type { Chosen } from "@turno/conversation";
import { asJson, type Transaction } from "@turno/database";

/**
 * Notes the turns that assignments took, for any number of groups in one statement, and removes members who can get
 * nothing now from the rotation. The caller holds the locks of the groups and of the agents, so all of them are
 * members.
 */
export async function takeTurns(tx: Transaction, { holding, full, resting }: Chosen): Promise<void> {
  const turned = holding.filter(({ distribution }) => distribution.assignments.length > 0);
  const groups = turned.map(({ groupId, distribution }) => ({ groupId, ...distribution.rotation }));
  const taken = turned.flatMap(({ groupId, distribution }) => {
    const turns = new Map(distribution.assignments.map(({ agentId, reason }) => [agentId, reason.turn]));
    return [...turns].map(([agentId, lastTurn]) => ({ groupId, agentId, lastTurn, isInRotation: !full.has(agentId) }));
  });
  const members = [...taken, ...resting.map((member) => ({ ...member, isInRotation: false }))];
  if (members.length === 0) return;
  // The members by their keys, which an upsert always does: a join reads the whole table for the few that change.
  await tx`
    with counted as (
      update groups set turn = counted.turn, round_turn = counted."roundTurn"
      from json_to_recordset(${asJson(groups)}::text::json) as counted("groupId" uuid, turn bigint, "roundTurn" bigint)
      where groups.id = counted."groupId" and groups.id = any(${groups.map(({ groupId }) => groupId)}::uuid[])
    )
    insert into group_members (group_id, agent_id, last_turn, is_in_rotation)
    select "groupId", "agentId", "lastTurn", "isInRotation"
    from json_to_recordset(${asJson(members)}::text::json) as turned(
      "groupId" uuid, "agentId" uuid, "lastTurn" bigint, "isInRotation" boolean)
    on conflict (group_id, agent_id) do update set last_turn = excluded.last_turn,
      is_in_rotation = excluded.is_in_rotation`;
}
