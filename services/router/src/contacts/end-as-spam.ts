import type { Actor } from "@turno/contracts";
import type { ConversationState } from "@turno/conversation";
import {
  ConflictFailure,
  lockAgents,
  release,
  writeEvents,
  type NewEvent,
  type Sql,
  type Transaction,
} from "@turno/database";

export interface DisturbingRow {
  id: string;
  channelId: string;
  contactId: string;
  groupId: string;
  phoneNumberId: string;
  state: ConversationState;
  agentId: string | null;
  sequence: number;
}

export type LockedDisturbing = DisturbingRow & { offeredUntil: Date | null; agentsMayCloseAsSpam: boolean };

/** Which conversations may end as spam: one, or none, and all that are open with a contact. */
export interface Disturbance {
  conversationId: string | null;
  openWithContactId: string | null;
}

/** Locks conversations after the agents who have them, each by id. */
export async function lockDisturbing(tx: Transaction, which: Disturbance): Promise<LockedDisturbing[]> {
  const seen = await tx<{ agentId: string }[]>`
    select distinct agent_id as "agentId" from conversations as conversation
    where ${isOne(tx, which)} and state = 'active'`;
  const agents = await lockAgents(
    tx,
    seen.map(({ agentId }) => agentId),
  );
  const rows = await tx<LockedDisturbing[]>`
    select conversation.id, conversation.channel_id as "channelId", conversation.contact_id as "contactId",
      conversation.group_id as "groupId", channel.phone_number_id as "phoneNumberId", conversation.state,
      conversation.agent_id as "agentId", conversation.sequence, conversation.offered_until as "offeredUntil",
      groups.agents_may_close_as_spam as "agentsMayCloseAsSpam"
    from conversations as conversation join channels as channel on channel.id = conversation.channel_id
    join groups on groups.id = conversation.group_id
    where ${isOne(tx, which)} order by conversation.id for update of conversation`;
  if (rows.some(({ state, agentId }) => state === "active" && !agents.has(agentId ?? ""))) {
    throw new ConflictFailure("a conversation changed its agent before it was locked");
  }
  return rows;
}

const isOne = (sql: Sql | Transaction, { conversationId, openWithContactId }: Disturbance) => sql`(
  conversation.id = ${conversationId}::uuid
  or (conversation.contact_id = ${openWithContactId}::uuid and conversation.state in ('queued', 'active')))`;

/**
 * Ends conversations as spam: without a ticket and without a history, and what their customers write next follows no
 * closing. The caller holds the locks of agents and conversations.
 */
export async function endAllAsSpam(
  tx: Transaction,
  rows: readonly DisturbingRow[],
  { actor, now, createId }: { actor: Actor; now: Date; createId: () => string },
): Promise<void> {
  if (rows.length === 0) return;
  const conversationIds = rows.map(({ id }) => id);
  const events = rows.map((row): NewEvent => {
    const { id: conversationId, channelId, phoneNumberId, contactId, groupId, agentId } = row;
    const how = row.state === "expired" ? ("finalised" as const) : ("closed" as const);
    const place = { conversationId, channelId, phoneNumberId, contactId, groupId, agentId };
    const data = { ...place, how, reason: "spam" as const, ticketId: null, ticketNumber: null, actor };
    return { id: createId(), type: "conversation.closed", sequence: row.sequence + 1, data };
  });
  await Promise.all([
    tx`
      update conversations set state = 'closed', closed_at = null, sequence = sequence + 1
      where id = any(${conversationIds}::uuid[])`,
    release(tx, { conversationIds }, now),
    writeEvents(tx, events, now),
  ]);
}
