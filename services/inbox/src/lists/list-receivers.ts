import type { Sql } from "@turno/database";

/**
 * Lists every group by name, and nothing more of it: a conversation may be transferred to a group of which the asker is
 * no member.
 */
export async function listReceivers(sql: Sql): Promise<{ groups: { id: string; name: string }[] }> {
  return { groups: await sql<{ id: string; name: string }[]>`select id, name from groups order by name, id` };
}
