import type { LockedConversationOfSend, LockedSend, LockedSends } from "@turno/conversation";
import { ADVISORY_LOCKS, ConflictFailure, type Transaction } from "@turno/database";
import { tokenKeyOf } from "../tokens/own-token.ts";

/**
 * Lets one transaction at a time decide whether a message with one of these ids of Meta's is known. Without it, a status
 * that finds no message and the answer that would have named it could miss each other for ever.
 */
export async function lockWamids(tx: Transaction, wamids: readonly string[]): Promise<void> {
  if (wamids.length === 0) return;
  await tx`
    select pg_advisory_xact_lock(${ADVISORY_LOCKS.wamid}, hash) from (
      select distinct hashtext(wamid) as hash from unnest(${[...wamids]}::text[]) as wanted(wamid) order by 1
    ) as ordered`;
}

/**
 * Locks messages, found by our id or Meta's, with their conversations, in the order of all locks: agents,
 * conversations, sends, each by id. It locks agents only if a failure may end the conversation that a template opened.
 */
export async function lockSends(
  tx: Transaction,
  wanted: { ids: readonly string[]; wamids: readonly string[]; mayFail: boolean },
): Promise<LockedSends> {
  const [clock, found] = await Promise.all([
    tx<{ now: Date }[]>`select turno_now() as now`,
    tx<{ id: string; conversationId: string; isOpening: boolean }[]>`
      select id, conversation_id as "conversationId", is_opening as "isOpening" from sends
      where id = any(${[...wanted.ids]}::uuid[])
      union
      select id, conversation_id, is_opening from sends
      where wamid is not null and wamid = any(${[...wanted.wamids]}::text[])`,
  ]);
  const [now] = clock;
  if (now === undefined) throw new Error("turno_now() returned no row");
  if (found.length === 0) return { now: now.now, sends: [], conversations: new Map() };

  const opened = wanted.mayFail ? found.filter(({ isOpening }) => isOpening) : [];
  const agentIds = await lockAgentsOf(tx, [...new Set(opened.map(({ conversationId }) => conversationId))]);
  const conversationIds = [...new Set(found.map(({ conversationId }) => conversationId))];
  const [conversations, sends] = await Promise.all([
    tx<LockedConversationOfSend[]>`
      select id, state, agent_id as "agentId", group_id as "groupId", sequence, session_ends_at as "sessionEndsAt",
        session_closed_at as "sessionClosedAt", continues_conversation_id as "continuesConversationId"
      from conversations where id = any(${conversationIds}::uuid[]) order by id for no key update`,
    tx<LockedSend[]>`
      select send.id, send.conversation_id as "conversationId", send.channel_id as "channelId",
        send.contact_id as "contactId", send.phone_number_id as "phoneNumberId", channel.account_id as "accountId",
        ${tokenKeyOf(tx, null)} as "tokenKey", channel.id is not null as "hasChannel",
        exists (select from circuits where try_send_id = send.id and state = 'open') as "isTry", send.kind, send.is_opening as "isOpening", send.state, send.attempt, send.wamid, send.is_held as "isHeld",
        send.created_at as "createdAt", send.changed_at as "changedAt", send.error, case when send.kind = 'template' then send.body end as template
      from sends as send left join channels as channel on channel.id = send.channel_id
      where send.id = any(${found.map(({ id }) => id)}::uuid[]) order by send.id for no key update of send`,
  ]);
  const byId = new Map(conversations.map((conversation) => [conversation.id, conversation]));
  const isMoved = opened.some(({ conversationId }) => {
    const conversation = byId.get(conversationId);
    return conversation?.state === "active" && !agentIds.has(conversation.agentId ?? "");
  });
  if (isMoved) throw new ConflictFailure("a conversation changed its agent before it was locked");
  // Joining contacts moves what waits to another conversation.
  if (sends.some(({ conversationId }) => !byId.has(conversationId))) {
    throw new ConflictFailure("a message moved to another conversation before it was locked");
  }
  return { now: now.now, sends, conversations: byId };
}

async function lockAgentsOf(tx: Transaction, conversationIds: readonly string[]): Promise<Set<string>> {
  if (conversationIds.length === 0) return new Set();
  const rows = await tx<{ id: string }[]>`
    select id from agents
    where id in (select agent_id from conversations where id = any(${[...conversationIds]}::uuid[]) and state = 'active')
    order by id for no key update`;
  return new Set(rows.map(({ id }) => id));
}
