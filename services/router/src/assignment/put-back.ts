import type { Actor } from "@turno/contracts";
import { isHeldBack } from "@turno/conversation";
import { release, writeEvents, type NewEvent, type Transaction } from "@turno/database";

/** A conversation that an agent has, and what decides whether anybody is given it again. */
export interface HeldConversationRow {
  conversationId: string;
  channelId: string;
  contactId: string;
  phoneNumberId: string;
  groupId: string;
  agentId: string;
  sequence: number;
  waitingSince: Date | null;
  /** How often it went back before. */
  lapses: number;
  lapsesMax: number;
}

type PutBack = HeldConversationRow & { reason: string; actor: Actor };

/**
 * Puts conversations of a group back into its queue, each at the place that its waiting time gives it, and not for the
 * same agent while there is another. The caller holds the locks of the group, the agents and the conversations.
 */
export async function putBack(
  tx: Transaction,
  groupId: string,
  rows: readonly PutBack[],
  now: Date,
  createId: () => string,
): Promise<void> {
  const conversationIds = rows.map(({ conversationId }) => conversationId);
  const events = rows.flatMap((row) => toEvents(row, createId));
  const heldBackIds = rows.filter(isHeldBackNow).map(({ conversationId }) => conversationId);
  await Promise.all([
    tx`
      update conversations set state = 'queued', agent_id = null, assigned_at = null, offered_until = null,
        requeued_from_agent_id = agent_id, lapsed_at = ${now},
        lapsed_agent_ids = case when waiting_since is null then '{}' else lapsed_agent_ids || agent_id end,
        sequence = sequence + case when id = any(${heldBackIds}::uuid[]) then 2 else 1 end
      where id = any(${conversationIds}::uuid[])`,
    release(tx, { conversationIds, queuedInGroupIds: [groupId] }, now),
    writeEvents(tx, events, now),
  ]);
}

/** It lapses only where the customer waits for an answer: otherwise nobody let anything lapse, however often it goes back. */
const isHeldBackNow = ({ waitingSince, lapses, lapsesMax }: HeldConversationRow) =>
  waitingSince !== null && isHeldBack(lapses + 1, lapsesMax);

function toEvents(row: PutBack, createId: () => string): NewEvent[] {
  const { conversationId, channelId, contactId, phoneNumberId, groupId, agentId, reason, actor } = row;
  const place = { conversationId, channelId, phoneNumberId, contactId };
  const moved = { from: { groupId, agentId }, to: { groupId, agentId: null }, reason };
  const transferred: NewEvent = {
    id: createId(),
    type: "conversation.transferred",
    sequence: row.sequence + 1,
    data: { ...place, ...moved, actor, forced: false },
  };
  if (!isHeldBackNow(row)) return [transferred];
  const waitingSince = row.waitingSince?.toISOString() ?? null;
  const data = { ...place, groupId, lapses: row.lapses + 1, waitingSince };
  return [transferred, { id: createId(), type: "conversation.unanswered", sequence: row.sequence + 2, data }];
}
