import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { isPermitted, refuse, refuseUnpermitted, sightOf, type Asker, type Refusal } from "@turno/conversation";
import { eq, expression, isRefusal, openWithinSight, readAsker, typed, type Sql } from "@turno/database";
import { channels, templateLists, templates } from "@turno/database/schema";

/**
 * Lists the templates of the channel's account, by name and language: for the channel's group, and for whoever has to do
 * with an open conversation of it, which may have been transferred from elsewhere.
 */
export async function listTemplates(
  sql: Sql,
  request: CommandRequest<"list-templates">,
): Promise<CommandAnswer<"list-templates"> | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const [channel] = await typed(sql)
    .select({ accountId: channels.accountId, groupId: channels.groupId })
    .from(channels)
    .where(eq(channels.id, request.channelId));
  if (channel === undefined) return refuse("not-found", `There is no channel ${request.channelId}.`);
  const groupIds = [channel.groupId];
  if (!isPermitted(asker, "list-templates", { agentIds: [], groupIds })) {
    const agentIds = await listWorking(sql, asker, request.channelId);
    const denied = refuseUnpermitted(asker, "list-templates", { agentIds, groupIds });
    if (denied !== null) return denied;
  }
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

/** Returns the asker where it may read an open conversation of the channel: it may send a template there. */
async function listWorking(sql: Sql, asker: Asker, channelId: string): Promise<string[]> {
  if (asker.kind === "service") return [];
  const open = await typed(sql)
    .select({ channelId: expression<string>`open.channel_id` })
    .from(expression`(${openWithinSight(sightOf(asker))}) as open`)
    .where(eq(expression`open.channel_id`, channelId))
    .limit(1);
  return open.map(() => asker.agentId);
}

function toList({ readAt, failedSince, failure }: typeof templateLists.$inferSelect) {
  return { readAt: readAt?.toISOString() ?? null, failedSince: failedSince?.toISOString() ?? null, failure };
}
