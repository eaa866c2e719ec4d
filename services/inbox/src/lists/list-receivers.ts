import { OF_NO_GROUP, refuseUnpermitted, type Asker, type Refusal } from "@turno/conversation";
import type { Sql } from "@turno/database";

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
  return { groups: await sql<{ id: string; name: string }[]>`select id, name from groups order by name, id` };
}
