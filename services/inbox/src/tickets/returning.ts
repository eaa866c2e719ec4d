import { readNextEvents, type EventLog, type LogEvent, type Sql } from "@turno/database";
import { isRetryable, startLoop, type Loop } from "@turno/runtime";
import { findLastTicket, proposeReturningLink } from "./change-link.ts";
import type { TicketStore } from "./ticket-store.ts";

const BATCH_SIZE_MAX = 200;
const POLL_MS = 1_000;
const OPEN = new Set(["open", "pending"]);

/**
 * Proposes, for each new conversation, the ticket of the contact's last one if that ticket is open.
 *
 * It reads `conversation.opened` from the events table. Not in the router's transaction, because that must not wait for
 * a ticket store, which may be another program. Not from the stream, because the table's reader has a position of its
 * own in the database. An event may come twice, also to two replicas: the conversation's row lock and its timeline say
 * whether it had a link before.
 */
export function createReturning(options: {
  sql: Sql;
  log: EventLog;
  store: TicketStore;
  createId: () => string;
  onProposed: () => void;
  onFailure: (error: unknown) => void;
  /**
   * Hears of a defect, or of data that cannot be stored, that follows from one conversation: it gets no proposal, and its
   * event is passed over.
   */
  onDefect: (error: unknown, conversationId: string) => void;
}): Loop {
  const { sql, log, onFailure } = options;
  const run = async (stopping: AbortSignal) => {
    let count = BATCH_SIZE_MAX;
    while (count === BATCH_SIZE_MAX && !stopping.aborted) {
      count = await readNextEvents(sql, log, {
        reader: "inbox-returning",
        types: ["conversation.opened"],
        limit: BATCH_SIZE_MAX,
        handle: async (events) => {
          for (const event of events) await proposeOrPass(options, event);
        },
      });
    }
  };
  return startLoop({ run, pauseMs: POLL_MS, onFailure });
}

async function proposeOrPass(options: Parameters<typeof createReturning>[0], event: LogEvent): Promise<void> {
  try {
    await propose(options, event);
  } catch (error) {
    if (isRetryable(error)) throw error;
    options.onDefect(error, event.entityId);
  }
}

async function propose(options: Parameters<typeof createReturning>[0], event: LogEvent): Promise<void> {
  const { sql, store, createId } = options;
  const ticketId = await findLastTicket(sql, event.entityId);
  if (ticketId === null) return;
  const ticket = await store.find({ id: ticketId });
  if (ticket === null || !OPEN.has(ticket.status)) return;
  const link = { ticketId, ticketNumber: ticket.number };
  if (await proposeReturningLink(sql, event.entityId, link, createId)) options.onProposed();
}
