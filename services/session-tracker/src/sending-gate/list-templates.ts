import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { OF_NO_GROUP, refuse, refuseUnpermitted, type Refusal } from "@turno/conversation";
import { isRefusal, readAsker, type Sql } from "@turno/database";

/** Lists the templates of the channel's account, by name and language. */
export async function listTemplates(
  sql: Sql,
  request: CommandRequest<"list-templates">,
): Promise<CommandAnswer<"list-templates"> | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const denied = refuseUnpermitted(asker, "list-templates", OF_NO_GROUP);
  if (denied !== null) return denied;
  const [channel] = await sql<{ accountId: string | null }[]>`
    select account_id as "accountId" from channels where id = ${request.channelId}`;
  if (channel === undefined) return refuse("not-found", `There is no channel ${request.channelId}.`);
  const templates = await sql<CommandAnswer<"list-templates">["templates"]>`
    select name, language, status, category, quality, components from templates
    where account_id = ${channel.accountId} order by name, language`;
  return { templates: [...templates] };
}
