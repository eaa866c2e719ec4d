import type { InboundEffects } from "@turno/conversation";
import type { Transaction } from "@turno/database";

/**
 * Notes the conversations in which their groups may have something to say on their own, now that the customer wrote: those
 * that this transaction opens, and those that wait. The session tracker looks and decides, because it owns what is sent.
 * One statement for any number. The caller holds the conversations' locks.
 */
export async function noteWordLooks(
  tx: Transaction,
  { newConversations, touchedConversations }: InboundEffects,
  now: Date,
): Promise<void> {
  const openedIds = newConversations.map(({ id }) => id);
  const touchedIds = touchedConversations.map(({ id }) => id);
  if (openedIds.length + touchedIds.length === 0) return;
  await tx`
    insert into word_looks (conversation_id, look_at, is_opening)
    select conversation.id, ${now}, conversation.id = any(${openedIds}::uuid[])
    from conversations as conversation join groups on groups.id = conversation.group_id
    where conversation.id = any(${[...openedIds, ...touchedIds]}::uuid[]) and groups.automatic_words is not null
      and (conversation.state = 'queued' or conversation.id = any(${openedIds}::uuid[]))
    order by conversation.id
    on conflict (conversation_id) do update set look_at = least(word_looks.look_at, excluded.look_at)`;
}
