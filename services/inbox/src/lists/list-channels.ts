import { OF_NO_GROUP, refuseUnpermitted, scopeOf, type Asker, type Refusal } from "@turno/conversation";
import { isAnyOf, typed, type Sql } from "@turno/database";
import { channels } from "@turno/database/schema";

/** Lists the channels on which the asker may write to a customer first. */
export async function listChannels(
  sql: Sql,
  asker: Asker,
): Promise<{ channels: { id: string; name: string; phoneNumberId: string }[] } | Refusal> {
  const scope = scopeOf(asker, "start-conversation");
  if (scope === "none") return refuseUnpermitted(asker, "start-conversation", OF_NO_GROUP) ?? { channels: [] };
  const { id, name, phoneNumberId, groupId } = channels;
  const listed = await typed(sql)
    .select({ id, name, phoneNumberId })
    .from(channels)
    .where(scope === "all" ? undefined : isAnyOf(groupId, scope))
    .orderBy(name, id);
  return { channels: listed };
}
