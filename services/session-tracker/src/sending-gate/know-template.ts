import type { TemplateMessage } from "@turno/contracts";
import type { Sql } from "@turno/database";

/**
 * Has the list of an account read where the template that is asked for is not in it: it may be new, and so may the account.
 * The account is the channel's, or the conversation's. It takes no lock, because Meta is asked meanwhile.
 */
export async function knowTemplate(
  sql: Sql,
  message: TemplateMessage,
  of: { channelId: string } | { conversationId: string },
  readList: (accountId: string) => Promise<void>,
): Promise<void> {
  const channelId =
    "channelId" in of
      ? sql`${of.channelId}::uuid`
      : sql`(select channel_id from conversations where id = ${of.conversationId})`;
  const [row] = await sql<{ accountId: string }[]>`
    select channel.account_id as "accountId" from channels as channel
    where channel.id = ${channelId} and channel.account_id is not null and not exists (
      select from templates
      where account_id = channel.account_id and name = ${message.name} and language = ${message.language})`;
  if (row !== undefined) await readList(row.accountId);
}
