import { actionsFor, isSessionOpen, type Asker, type ConversationState } from "@turno/conversation";
import type { Sql } from "@turno/database";

/** A conversation as lists and pages show it. Instants are ISO 8601 in UTC. */
export interface ConversationView {
  id: string;
  state: ConversationState;
  groupId: string;
  agentId: string | null;
  contact: { id: string; name: string | null; username: string | null; phone: string | null };
  channel: { id: string; phoneNumberId: string; name: string };
  openedAt: string;
  queuedAt: string;
  assignedAt: string | null;
  /** Milliseconds since it was queued; null if it does not wait. */
  waitedMs: number | null;
  sessionEndsAt: string | null;
  /** Milliseconds until then, never below 0; null if no session was opened. */
  sessionLeftMs: number | null;
  continuesConversationId: string | null;
  ticket: { id: string; number: number; link: "proposed" | "confirmed" } | null;
  /** What the asker can do with it now. */
  actions: string[];
}

export interface ConversationRow {
  id: string;
  state: ConversationState;
  groupId: string;
  agentId: string | null;
  contactId: string;
  contactName: string | null;
  contactUsername: string | null;
  contactPhone: string | null;
  channelId: string;
  phoneNumberId: string;
  channelName: string;
  openedAt: Date;
  queuedAt: Date;
  assignedAt: Date | null;
  sessionEndsAt: Date | null;
  continuesConversationId: string | null;
  ticketId: string | null;
  ticketNumber: number | null;
  ticketLink: "proposed" | "confirmed" | null;
  now: Date;
}

/** Names conversation, contact and channel by these names in `from`. */
export function conversationColumns(sql: Sql) {
  return sql`conversation.id, conversation.state, conversation.group_id as "groupId", conversation.agent_id as "agentId",
    contact.id as "contactId", contact.name as "contactName", contact.username as "contactUsername",
    contact.phone as "contactPhone", channel.id as "channelId", channel.phone_number_id as "phoneNumberId",
    channel.name as "channelName", conversation.opened_at as "openedAt", conversation.queued_at as "queuedAt",
    conversation.assigned_at as "assignedAt", conversation.session_ends_at as "sessionEndsAt",
    conversation.continues_conversation_id as "continuesConversationId", conversation.ticket_id as "ticketId",
    conversation.ticket_number as "ticketNumber", conversation.ticket_link as "ticketLink", turno_now() as now`;
}

export function toView(row: ConversationRow, asker: Asker): ConversationView {
  const { state, groupId, agentId, now, ticketId, ticketNumber, ticketLink } = row;
  const session = { endsAt: row.sessionEndsAt, closedAt: null };
  const isLinked = ticketId !== null && ticketNumber !== null && ticketLink !== null;
  const waitedMs = Math.max(0, now.getTime() - row.queuedAt.getTime());
  return {
    id: row.id,
    state,
    groupId,
    agentId,
    contact: {
      id: row.contactId,
      name: row.contactName,
      username: row.contactUsername,
      phone: row.contactPhone,
    },
    channel: { id: row.channelId, phoneNumberId: row.phoneNumberId, name: row.channelName },
    openedAt: row.openedAt.toISOString(),
    queuedAt: row.queuedAt.toISOString(),
    assignedAt: row.assignedAt?.toISOString() ?? null,
    waitedMs: state === "queued" ? waitedMs : null,
    sessionEndsAt: row.sessionEndsAt?.toISOString() ?? null,
    sessionLeftMs: row.sessionEndsAt === null ? null : Math.max(0, row.sessionEndsAt.getTime() - now.getTime()),
    continuesConversationId: row.continuesConversationId,
    ticket: isLinked ? { id: ticketId, number: ticketNumber, link: ticketLink } : null,
    actions: actionsFor(asker, { state, groupId, agentId, isSessionOpen: isSessionOpen(session, now) }),
  };
}
