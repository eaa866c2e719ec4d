import type { Contact, NewConversation } from "@turno/conversation";
import { asJson, ConflictFailure, recordAssignments, type EventMemory, type Transaction } from "@turno/database";
import { assignOpened, type IdleQueue } from "../assignment/assign-opened.ts";
import { takeTurns } from "../assignment/take-turns.ts";
import { assignFollowUps } from "./follow-up.ts";

export interface Opened {
  assigned: number;
  /** Groups whose queue grew. */
  queuedGroupIds: string[];
}

/**
 * Writes new conversations: what follows a closing with the agent who closed, others as active ones with their agents where their group's queue is idle and one of its agents has
 * room, else as queued ones. An assignment that is made with the conversation costs half of one that is made after it.
 */
export async function openConversations(
  tx: Transaction,
  opened: readonly NewConversation[],
  queues: readonly IdleQueue[],
  context: {
    createId: () => string;
    now: Date;
    memory: EventMemory | undefined;
    /** Those of whom there was nothing before this transaction. */
    newContacts: readonly Contact[];
  },
): Promise<Opened> {
  if (opened.length === 0) return { assigned: 0, queuedGroupIds: [] };
  const { createId, now, memory, newContacts } = context;
  const isNew = new Set(newContacts.map(({ id }) => id));
  await holdContacts(
    tx,
    [...new Set(opened.map(({ contactId }) => contactId))].filter((id) => !isNew.has(id)),
  );
  const followed = await assignFollowUps(tx, opened, { createId, memory });
  const others = opened.filter(({ id }) => !followed.has(id));
  const given = await assignOpened(tx, queues, others, createId);
  const agents = new Map([
    ...followed,
    ...given.assigned.map(({ conversationId, agentId }) => [conversationId, agentId] as const),
  ]);
  const offers = new Map(given.assigned.map(({ conversationId, offeredUntil }) => [conversationId, offeredUntil]));
  const sequences = new Map(opened.map(({ id, sequence }) => [id, agents.has(id) ? sequence + 1 : sequence]));
  const assignedAt = queues[0]?.now ?? now;
  await Promise.all([
    insertConversations(tx, opened, { agents, offers, followed, sequences, openedAt: now, assignedAt }),
    recordAssignments(tx, given.assigned, sequences, assignedAt, memory),
    takeTurns(tx, given),
  ]);
  const queued = opened.filter(({ id }) => !agents.has(id));
  return { assigned: agents.size, queuedGroupIds: [...new Set(queued.map(({ groupId }) => groupId))] };
}

/** A contact for whom a conversation is opened is not joined with another one or blocked meanwhile, nor was it before. */
async function holdContacts(tx: Transaction, contactIds: readonly string[]): Promise<void> {
  if (contactIds.length === 0) return;
  const held = await tx`
    select from contacts where id = any(${[...contactIds]}::uuid[]) and joined_into_id is null and blocked_at is null
    order by id for key share`;
  if (held.length !== contactIds.length) {
    throw new ConflictFailure("a contact was joined with another one, or blocked, meanwhile");
  }
}

async function insertConversations(
  tx: Transaction,
  opened: readonly NewConversation[],
  context: {
    agents: ReadonlyMap<string, string>;
    /** Until when which is only offered to its agent. */
    offers: ReadonlyMap<string, Date | null | undefined>;
    /** Those of them that keep the ticket of what they follow. */
    followed: ReadonlyMap<string, string>;
    sequences: ReadonlyMap<string, number>;
    openedAt: Date;
    assignedAt: Date;
  },
): Promise<void> {
  const { agents, offers, followed, sequences, openedAt, assignedAt } = context;
  const rows = opened.map((conversation) => {
    const { id, channelId, contactId, groupId, sessionEndsAt, sessionClosedAt, checkAt, follows } = conversation;
    const { waitingSince, waitingNotedAt, saidWords } = conversation;
    const ticket = followed.has(id) ? (follows?.ticket ?? null) : null;
    // The link has an event of its own.
    const sequence = (sequences.get(id) ?? 0) + (ticket === null ? 0 : 1);
    const held = { agentId: agents.get(id), offeredUntil: offers.get(id) };
    const place = { id, channelId, contactId, groupId, ...held, sequence };
    return { ...place, sessionEndsAt, sessionClosedAt, checkAt, waitingSince, waitingNotedAt, saidWords, ...ticket };
  });
  await tx`
    insert into conversations
      (id, channel_id, contact_id, group_id, state, agent_id, offered_until, opened_at, queued_at, assigned_at, session_ends_at,
        session_closed_at, check_at, waiting_since, waiting_noted_at, said_words, sequence, ticket_id, ticket_number, ticket_link)
    select id, "channelId", "contactId", "groupId", case when "agentId" is null then 'queued' else 'active' end, "agentId",
      "offeredUntil", ${openedAt}, ${openedAt}, case when "agentId" is not null then ${assignedAt}::timestamptz end, "sessionEndsAt",
      "sessionClosedAt", "checkAt", "waitingSince", "waitingNotedAt", coalesce("saidWords", '{}'), sequence, "ticketId", "ticketNumber",
      case when "ticketId" is not null then 'confirmed' end
    from json_to_recordset(${asJson(rows)}::text::json) as conversation(
      id uuid, "channelId" uuid, "contactId" uuid, "groupId" uuid, "agentId" uuid, "offeredUntil" timestamptz,
      sequence int,
      "sessionEndsAt" timestamptz, "sessionClosedAt" timestamptz, "checkAt" timestamptz,
      "waitingSince" timestamptz, "waitingNotedAt" timestamptz, "saidWords" text[], "ticketId" uuid, "ticketNumber" bigint)`;
}
