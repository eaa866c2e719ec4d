import type { Sql } from "@turno/database";

/**
 * Lists automatic groups in which at least one conversation waits and one member does not rest, longest wait first:
 * those named, or all. What it reads does not grow with the queues.
 */
export async function listWaitingGroups(sql: Sql, groupIds: readonly string[] | null = null): Promise<string[]> {
  const named = groupIds === null ? sql`` : sql`and groups.id = any(${[...groupIds]}::uuid[])`;
  const rows = await sql<{ id: string }[]>`
    select groups.id
    from groups cross join lateral (
      select queued_at from conversations where group_id = groups.id and state = 'queued' order by queued_at, id limit 1
    ) as oldest cross join lateral (
      select from group_members where group_id = groups.id and is_in_rotation limit 1
    ) as member
    where distribution = 'automatic' ${named}
    order by oldest.queued_at, groups.id`;
  return rows.map(({ id }) => id);
}
