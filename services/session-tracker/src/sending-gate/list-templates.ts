import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { OF_NO_GROUP, refuse, refuseUnpermitted, type Refusal } from "@turno/conversation";
import { eq, isRefusal, readAsker, typed, type Sql } from "@turno/database";
import { channels, templateLists, templates } from "@turno/database/schema";

/** Lists the templates of the channel's account, by name and language. */
export async function listTemplates(
  sql: Sql,
  request: CommandRequest<"list-templates">,
): Promise<CommandAnswer<"list-templates"> | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const denied = refuseUnpermitted(asker, "list-templates", OF_NO_GROUP);
  if (denied !== null) return denied;
  const [channel] = await typed(sql)
    .select({ accountId: channels.accountId })
    .from(channels)
    .where(eq(channels.id, request.channelId));
  if (channel === undefined) return refuse("not-found", `There is no channel ${request.channelId}.`);
  if (channel.accountId === null) return { templates: [], list: null };
  const { name, language, status, category, quality, components } = templates;
  const [listed, [list]] = await Promise.all([
    typed(sql)
      .select({ name, language, status, category, quality, components })
      .from(templates)
      .where(eq(templates.accountId, channel.accountId))
      .orderBy(name, language),
    typed(sql).select().from(templateLists).where(eq(templateLists.accountId, channel.accountId)),
  ]);
  return { templates: listed, list: list === undefined ? null : toList(list) };
}

function toList({ readAt, failedSince, failure }: typeof templateLists.$inferSelect) {
  return { readAt: readAt?.toISOString() ?? null, failedSince: failedSince?.toISOString() ?? null, failure };
}
