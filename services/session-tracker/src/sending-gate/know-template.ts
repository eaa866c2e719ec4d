import type { CommandRequest } from "@turno/contracts";
import type { Sql } from "@turno/database";

/**
 * Has the list of the conversation's account read where the template that is asked for is not in it: it may be new, and
 * so may the account. It takes no lock, because Meta is asked meanwhile.
 */
export async function knowTemplate(
  sql: Sql,
  { message, conversationId }: CommandRequest<"send">,
  readList: (accountId: string) => Promise<void>,
): Promise<void> {
  if (message.type !== "template") return;
  const [row] = await sql<{ accountId: string }[]>`
    select channel.account_id as "accountId"
    from conversations as conversation join channels as channel on channel.id = conversation.channel_id
    where conversation.id = ${conversationId} and channel.account_id is not null and not exists (
      select from templates
      where account_id = channel.account_id and name = ${message.name} and language = ${message.language})`;
  if (row !== undefined) await readList(row.accountId);
}
