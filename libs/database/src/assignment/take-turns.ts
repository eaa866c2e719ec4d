import type { Assignment, Rotation } from "@turno/conversation";
import type { Transaction } from "../connection.ts";
import { asJson } from "../rows.ts";

/** Notes the turns that assignments took in a group whose lock the caller holds. */
export async function takeTurns(
  tx: Transaction,
  taken: { groupId: string; rotation: Rotation; assignments: readonly Assignment[] },
): Promise<void> {
  const { groupId, rotation, assignments } = taken;
  if (assignments.length === 0) return;
  const lastTurns = new Map(assignments.map(({ agentId, reason }) => [agentId, reason.turn]));
  const rows = [...lastTurns].map(([agentId, turn]) => ({ agentId, turn }));
  await tx`
    with counted as (
      update groups set turn = ${rotation.turn}, round_turn = ${rotation.roundTurn} where id = ${groupId}
    )
    update group_members as member set last_turn = taken.turn
    from json_to_recordset(${asJson(rows)}::text::json) as taken("agentId" uuid, turn bigint)
    where member.group_id = ${groupId} and member.agent_id = taken."agentId"`;
}
