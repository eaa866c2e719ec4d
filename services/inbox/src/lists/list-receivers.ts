import { typed, type Sql } from "@turno/database";
import { groups } from "@turno/database/schema";

/** Every group by name, and nothing more of it: a conversation may be handed to a group that the asker is not of. */
export async function listReceivers(sql: Sql): Promise<{ groups: { id: string; name: string }[] }> {
  const { id, name } = groups;
  return { groups: await typed(sql).select({ id, name }).from(groups).orderBy(name, id) };
}
