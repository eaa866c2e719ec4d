import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { OF_NO_GROUP, refuse, refuseUnpermitted, type Refusal } from "@turno/conversation";
import { eq, isRefusal, readAsker, typed, type Sql } from "@turno/database";
import { channels, templates } from "@turno/database/schema";

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
  if (channel.accountId === null) return { templates: [] };
  const { name, language, status, category, quality, components } = templates;
  const listed = await typed(sql)
    .select({ name, language, status, category, quality, components })
    .from(templates)
    .where(eq(templates.accountId, channel.accountId))
    .orderBy(name, language);
  return { templates: listed };
}
