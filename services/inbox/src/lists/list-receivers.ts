import type { Sql } from "@turno/database";

/** Every group by name, and nothing more of it: a conversation may be handed to a group that the asker is not of. */
export async function listReceivers(sql: Sql): Promise<{ groups: { id: string; name: string }[] }> {
  return { groups: await sql<{ id: string; name: string }[]>`select id, name from groups order by name, id` };
}
