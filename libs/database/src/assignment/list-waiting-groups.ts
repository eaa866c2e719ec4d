import type { Sql } from "../connection.ts";

/** Automatic groups in which at least one conversation waits. */
export async function listWaitingGroups(sql: Sql): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from groups
    where distribution = 'automatic'
      and exists (select from conversations where group_id = groups.id and state = 'queued')`;
  return rows.map(({ id }) => id);
}
