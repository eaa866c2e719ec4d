import {
  actionsFor,
  isOffered,
  isSessionOpen,
  mayBlock,
  mayCloseAsSpam,
  mayStartFrom,
  type Asker,
  type ConversationState,
} from "@turno/conversation";
import { expression, type RowOf } from "@turno/database";
import { channels, contacts, conversations } from "@turno/database/schema";

/** A conversation as lists and pages show it. Instants are ISO 8601 in UTC. */
export interface ConversationView {
  id: string;
  state: ConversationState;
  groupId: string;
  agentId: string | null;
  contact: {
    id: string;
    name: string | null;
    username: string | null;
    phone: string | null;
    blockedAt: string | null;
    /** What the asker can do with it now. */
    actions: string[];
  };
  channel: { id: string; phoneNumberId: string; name: string };
  openedAt: string;
  queuedAt: string;
  assignedAt: string | null;
  /** Until when its agent may accept or decline it; null where it is not only offered. */
  offeredUntil: string | null;
  /** Milliseconds since it was queued; null if it does not wait. */
  waitedMs: number | null;
  /** How often it went back to its queue since the customer last had an answer. */
  lapses: number;
  /** Meta's time of the customer's oldest message that nobody answered; null where none waits for an answer. */
  waitingSince: string | null;
  /** Milliseconds since then. */
  unansweredMs: number | null;
  sessionEndsAt: string | null;
  /** Milliseconds until then, never below 0; null if no session was opened. */
  sessionLeftMs: number | null;
  continuesConversationId: string | null;
  /** The conversation in which it goes on: its contact was joined with that one's, or a template opened that. */
  continuedById: string | null;
  ticket: { id: string; number: number; link: "proposed" | "confirmed" } | null;
  /** What the asker can do with it now. */
  actions: string[];
}

/** Looked up for those alone that can have it. */
const CONTINUED_BY = expression<string | null>`case when ${conversations.state} in ('expired', 'closed') then coalesce(
  ${conversations.joinedIntoId}, (
    select continuation.id from conversations as continuation
    where continuation.continues_conversation_id = ${conversations.id} and continuation.state <> 'failed')) end`;

/** What a view is made of, where a statement reads a conversation with its contact and its channel. */
export const CONVERSATION_COLUMNS = {
  id: conversations.id,
  state: conversations.state,
  groupId: conversations.groupId,
  agentId: conversations.agentId,
  contactId: contacts.id,
  contactName: contacts.name,
  contactUsername: contacts.username,
  contactPhone: contacts.phone,
  blockedAt: contacts.blockedAt,
  agentsMayCloseAsSpam: expression<boolean>`(
    select agents_may_close_as_spam from groups where groups.id = ${conversations.groupId})`,
  channelId: channels.id,
  phoneNumberId: channels.phoneNumberId,
  channelName: channels.name,
  channelGroupId: channels.groupId,
  openedAt: conversations.openedAt,
  queuedAt: conversations.queuedAt,
  assignedAt: conversations.assignedAt,
  offeredUntil: conversations.offeredUntil,
  waitingSince: conversations.waitingSince,
  lapses: expression<number>`cardinality(${conversations.lapsedAgentIds})`,
  sessionEndsAt: conversations.sessionEndsAt,
  continuesConversationId: conversations.continuesConversationId,
  continuedById: CONTINUED_BY,
  ticketId: conversations.ticketId,
  ticketNumber: conversations.ticketNumber,
  ticketLink: conversations.ticketLink,
  now: expression<Date>`turno_now()`,
};

export type ConversationRow = RowOf<typeof CONVERSATION_COLUMNS>;

export function toView(row: ConversationRow, asker: Asker): ConversationView {
  const { state, groupId, agentId, continuedById, offeredUntil, now, ticketId, ticketNumber, ticketLink } = row;
  const session = { endsAt: row.sessionEndsAt, closedAt: null };
  const isLinked = ticketId !== null && ticketNumber !== null && ticketLink !== null;
  const waitingSince = state === "queued" || state === "active" ? row.waitingSince : null;
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
      blockedAt: row.blockedAt?.toISOString() ?? null,
      actions: mayBlock(asker, groupId) ? [row.blockedAt === null ? "block" : "unblock"] : [],
    },
    channel: { id: row.channelId, phoneNumberId: row.phoneNumberId, name: row.channelName },
    openedAt: row.openedAt.toISOString(),
    queuedAt: row.queuedAt.toISOString(),
    assignedAt: row.assignedAt?.toISOString() ?? null,
    offeredUntil: isOffered(row) ? (offeredUntil?.toISOString() ?? null) : null,
    waitedMs: state === "queued" ? waitedMs : null,
    lapses: row.lapses,
    waitingSince: waitingSince?.toISOString() ?? null,
    unansweredMs: waitingSince === null ? null : Math.max(0, now.getTime() - waitingSince.getTime()),
    sessionEndsAt: row.sessionEndsAt?.toISOString() ?? null,
    sessionLeftMs: row.sessionEndsAt === null ? null : Math.max(0, row.sessionEndsAt.getTime() - now.getTime()),
    continuesConversationId: row.continuesConversationId,
    continuedById,
    ticket: isLinked ? { id: ticketId, number: ticketNumber, link: ticketLink } : null,
    actions: [
      ...actionsFor(asker, {
        state,
        groupId,
        agentId,
        continuedById,
        offeredUntil,
        isSessionOpen: isSessionOpen(session, now),
      }),
      ...(row.blockedAt === null && mayStartFrom(asker, row) ? ["start"] : []),
      ...(mayCloseAsSpam(asker, row) ? ["close-as-spam"] : []),
    ],
  };
}
