import type { IncomingMessage, ServerResponse } from "node:http";

/** Meta backs off on its own; the header is for proxies and for people. */
const RETRY_AFTER_SECONDS = "1";
const LINGER_MS = 500;
const LINGER_BYTES_MAX = 8 * 1024 * 1024;

/** Answers with a status and no body, unless the sender has gone. `isLast` ends the connection after it. */
export function answer(incoming: IncomingMessage, outgoing: ServerResponse, status: number, isLast: boolean): void {
  if (outgoing.destroyed || outgoing.headersSent) return;
  const headers: Record<string, string> = { "content-length": "0" };
  if (status === 503) headers["retry-after"] = RETRY_AFTER_SECONDS;
  if (isLast) headers["connection"] = "close";
  outgoing.writeHead(status, headers);
  if (isLast && !incoming.complete) linger(incoming, outgoing);
  else outgoing.end();
}

/**
 * Ends a connection while the sender still writes. Closing at once would reset the connection and lose the answer. So
 * the answer goes out first, some of what comes is discarded, the rest waits, and after a moment the connection ends.
 */
function linger(incoming: IncomingMessage, outgoing: ServerResponse): void {
  outgoing.flushHeaders();
  let discardedBytes = 0;
  const discard = (chunk: Buffer) => {
    discardedBytes += chunk.length;
    if (discardedBytes > LINGER_BYTES_MAX) incoming.off("data", discard).pause();
  };
  const end = () => {
    clearTimeout(timer);
    incoming.off("data", discard).off("end", end).off("close", end);
    outgoing.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  incoming.on("data", discard).once("end", end).once("close", end);
}
