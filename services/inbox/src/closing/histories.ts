import type { Sql } from "@turno/database";
import { isDefect, startLoop, type Loop } from "@turno/runtime";
import type { TicketStore } from "../tickets/ticket-store.ts";
import { readMessagePage } from "../lists/message-rows.ts";
import { dropHistory, takeHistories, type PendingHistory } from "./pending-histories.ts";
import { createTranscript } from "./transcript.ts";

const PAGE_SIZE = 200;
const BATCH_SIZE_MAX = 20;
/** How long one process keeps a history to itself; then another may take it, or it is tried again. */
const LEASE_MS = 15_000;
const POLL_MS = 1_000;

/** Adds the histories of ended conversations to their tickets: each once, whatever dies or fails on the way. */
export interface Histories extends Loop {
  /** Adds one at once, and returns its action's id; null where a failure, which is reported, is left to the loop. */
  add: (conversationId: string) => Promise<string | null>;
}

export function createHistories(options: {
  sql: Sql;
  store: TicketStore;
  onAdded: () => void;
  onFailure: (error: unknown) => void;
  /** Hears of a defect that follows from one history, which is tried again after its lease. */
  onDefect: (error: unknown, conversationId: string) => void;
}): Histories {
  const { sql, onFailure } = options;
  const run = async (stopping: AbortSignal) => {
    for (;;) {
      const taken = await takeHistories(sql, { limit: BATCH_SIZE_MAX, leaseMs: LEASE_MS });
      for (const history of taken) await addOne(options, history);
      if (taken.length < BATCH_SIZE_MAX || stopping.aborted) return;
    }
  };
  const loop = startLoop({ run, pauseMs: POLL_MS, onFailure });
  return {
    ...loop,
    add: async (conversationId) => {
      try {
        const taken = await takeHistories(sql, { conversationId, limit: 1, leaseMs: LEASE_MS });
        const [history] = taken;
        return history === undefined ? null : await addOne(options, history);
      } catch (error) {
        if (isDefect(error)) options.onDefect(error, conversationId);
        else onFailure(error);
        return null;
      }
    },
  };
}

async function addOne(options: Parameters<typeof createHistories>[0], history: PendingHistory): Promise<string | null> {
  const { sql, store } = options;
  const { conversationId, ticketId, author } = history;
  try {
    const body = await writeTranscript(sql, conversationId);
    const actionId = await store.addHistory(ticketId, { key: `conversation:${conversationId}`, author, body });
    if (actionId === null) throw new Error(`the ticket store has no ticket ${ticketId} for a history`);
    await dropHistory(sql, conversationId);
    options.onAdded();
    return actionId;
  } catch (error) {
    if (isDefect(error)) options.onDefect(error, conversationId);
    else options.onFailure(error);
    return null;
  }
}

async function writeTranscript(sql: Sql, conversationId: string): Promise<string> {
  const transcript = createTranscript();
  let from: string | null = null;
  for (;;) {
    const asked = { conversationId, order: "oldest", from, limit: PAGE_SIZE } as const;
    const page: Awaited<ReturnType<typeof readMessagePage>> = await readMessagePage(sql, asked);
    const hasRoom = page.messages.every((message) => transcript.add(message));
    from = page.next;
    if (!hasRoom || from === null) return transcript.text();
  }
}
