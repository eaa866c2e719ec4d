import { concerns, type Asker, type Refusal } from "@turno/conversation";
import { isRefusal } from "@turno/database";
import type { Context } from "hono";
import { streamSSE, type SSEStreamingApi } from "hono/streaming";
import { toProblem } from "../http/problem.ts";
import type { EventTail } from "./event-tail.ts";
import type { LiveEvent } from "./read-live.ts";

type AgentAsker = Extract<Asker, { kind: "agent" }>;

const KEEP_ALIVE_MS = 15_000;
const RETRY_MS = 1_000;
/** A position, and its timeline. */
const ID = /^(\d{1,15})(?:-([0-9a-f-]{36}))?$/;

/**
 * Streams server-sent events to one agent, from after `Last-Event-ID` if it is given, else from now on. The id of each
 * is its place in the log, so a reconnect goes on exactly where the last one ended; after a restore of the database it
 * cannot, and `ready` says so. The stream ends with the token or sign-in; role and groups are read again with each batch, and while
 * nothing happens.
 */
export function streamLive(
  context: Context,
  options: {
    tail: EventTail;
    readAsker: () => Promise<AgentAsker | Refusal>;
    expiresAt: Date;
    nowMs: () => number;
    /** Hears of what ends the stream before its time; the client asks for the next one. */
    onError: (error: unknown) => void;
    /** Called once, when the stream has ended or could not begin. */
    onEnd: () => void;
  },
): Response {
  const { tail } = options;
  const given = context.req.header("last-event-id");
  const [, position, timeline] = ID.exec(given ?? "") ?? [];
  if (given !== undefined && position === undefined) {
    options.onEnd();
    return toProblem({ code: "invalid", message: "Last-Event-ID is not an id that this stream gave." });
  }
  const isContinued = position !== undefined && timeline === tail.timeline;
  const from = { position: isContinued ? Number(position) : tail.end, isContinued };
  return streamSSE(context, (stream) => follow(stream, from, options).catch(options.onError).finally(options.onEnd));
}

async function follow(
  stream: SSEStreamingApi,
  from: { position: number; isContinued: boolean },
  options: Parameters<typeof streamLive>[1],
): Promise<void> {
  const { tail } = options;
  let { position } = from;
  const toId = (at: number) => `${at}-${tail.timeline}`;
  let isOpen = true;
  const closed = Promise.withResolvers<void>();
  stream.onAbort(() => {
    isOpen = false;
    closed.resolve();
  });
  // The first line tells the client where it stands, so that a break before the first event loses nothing either.
  const data = JSON.stringify({ isContinued: from.isContinued });
  await stream.writeSSE({ id: toId(position), event: "ready", data, retry: RETRY_MS });
  while (isOpen && !tail.isStopped && options.nowMs() < options.expiresAt.getTime()) {
    const arrival = tail.next();
    const events = await tail.read(position);
    const last = events.at(-1);
    if (last === undefined) {
      if (!(await isQuiet([arrival, closed.promise]))) continue;
      // Nothing happens, so nothing else would tell that this is nobody now.
      if (isRefusal(await options.readAsker())) break;
      await stream.writeSSE({ id: toId(position), event: "quiet", data: "{}" });
      continue;
    }
    const asker = await options.readAsker();
    if (isRefusal(asker)) break;
    for (const event of events) {
      const isMeant = event.parsed !== null && concerns(event, asker);
      if (isOpen && isMeant) await stream.writeSSE({ id: toId(event.position), ...toMessage(event) });
    }
    position = last.position;
  }
}

/** Waits for the first of these. Returns true if none came before the connection must show that it lives. */
async function isQuiet(arrivals: readonly Promise<void>[]): Promise<boolean> {
  const quiet = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => quiet.resolve(true), KEEP_ALIVE_MS);
  try {
    return await Promise.race([quiet.promise, ...arrivals.map((arrival) => arrival.then(() => false))]);
  } finally {
    clearTimeout(timer);
  }
}

function toMessage({ eventId, type, entityId, sequence, occurredAt, parsed }: LiveEvent) {
  const data = { id: eventId, type, entityId, sequence, occurredAt: occurredAt.toISOString(), data: parsed };
  return { event: type, data: JSON.stringify(data) };
}
