import { OF_NO_GROUP, refuseUnpermitted, type Asker, type Refusal } from "@turno/conversation";
import { typed, type Sql } from "@turno/database";
import { groups } from "@turno/database/schema";

/**
 * Lists every group by name, and nothing more of it: a conversation may be transferred to a group of which the asker is
 * no member.
 */
export async function listReceivers(
  sql: Sql,
  asker: Asker,
): Promise<{ groups: { id: string; name: string }[] } | Refusal> {
  const denied = refuseUnpermitted(asker, "list-receivers", OF_NO_GROUP);
  if (denied !== null) return denied;
  const { id, name } = groups;
  return { groups: await typed(sql).select({ id, name }).from(groups).orderBy(name, id) };
}
