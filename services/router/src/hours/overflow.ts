import { isOutside, type GroupHours } from "@turno/conversation";
import {
  GROUPS_WAKE_UP,
  readClock,
  retryOnConflict,
  writeEvents,
  type NewEvent,
  type Sql,
  type Transaction,
} from "@turno/database";

interface GroupRow extends GroupHours {
  id: string;
  overflowGroupId: string | null;
  overflowSeconds: number;
}

interface MovedRow {
  conversationId: string;
  channelId: string;
  contactId: string;
  phoneNumberId: string;
  sequence: number;
}

/**
 * Moves what has waited long enough in a group that does not work into the queue of the group that takes it over, at the
 * place that its waiting time gives it. Nothing moves where that group does not work either, so nothing goes back and
 * forth. Returns the number of conversations moved. It locks both groups by id, then the conversations by id.
 */
export async function overflow(
  sql: Sql,
  { groupId, limit, createId }: { groupId: string; limit: number; createId: () => string },
): Promise<number> {
  return retryOnConflict(() => sql.begin((tx) => overflowInTransaction(tx, groupId, limit, createId)));
}

async function overflowInTransaction(
  tx: Transaction,
  groupId: string,
  limit: number,
  createId: () => string,
): Promise<number> {
  const groups = await tx<GroupRow[]>`
    select id, outside_hours as "outsideHours", hours, overflow_group_id as "overflowGroupId",
      overflow_seconds as "overflowSeconds"
    from groups
    where id = ${groupId} or id = (select overflow_group_id from groups where id = ${groupId})
    order by id for no key update`;
  const now = await readClock(tx);
  const from = groups.find(({ id }) => id === groupId);
  const to = groups.find(({ id }) => id === from?.overflowGroupId);
  if (from === undefined || to === undefined || !overflows(from, to, now)) return 0;
  const waitedSince = new Date(now.getTime() - from.overflowSeconds * 1000);
  const moved = await tx<MovedRow[]>`
    select conversation.id as "conversationId", conversation.channel_id as "channelId",
      conversation.contact_id as "contactId", channel.phone_number_id as "phoneNumberId", conversation.sequence
    from (
      select id from conversations
      where group_id = ${groupId} and state = 'queued' and queued_at <= ${waitedSince}
      order by queued_at, id limit ${limit}
    ) as oldest
    join conversations as conversation on conversation.id = oldest.id
    join channels as channel on channel.id = conversation.channel_id
    where conversation.group_id = ${groupId} and conversation.state = 'queued'
    order by conversation.id for update of conversation`;
  if (moved.length === 0) return 0;
  const reason = `Outside business hours, after ${from.overflowSeconds} s.`;
  const events = moved.map(({ sequence, ...place }): NewEvent => {
    const data = { ...place, from: { groupId, agentId: null }, to: { groupId: to.id, agentId: null }, reason };
    return {
      id: createId(),
      type: "conversation.transferred",
      sequence: sequence + 1,
      data: { ...data, actor: { kind: "system" }, forced: false },
    };
  });
  const ids = moved.map(({ conversationId }) => conversationId);
  await Promise.all([
    tx`
      update conversations set group_id = ${to.id}, requeued_from_agent_id = null, lapsed_agent_ids = '{}',
        lapsed_at = null, sequence = sequence + 1
      where id = any(${ids}::uuid[])`,
    writeEvents(tx, events, now),
    tx`select pg_notify(${GROUPS_WAKE_UP}, ${to.id})`,
  ]);
  return moved.length;
}

/** Whether what waits in one group may go to the other. */
export function overflows(from: GroupHours, to: GroupHours, now: Date): boolean {
  return from.outsideHours === "overflow" && isOutside(from, now) && !isOutside(to, now);
}
