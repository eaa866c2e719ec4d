import type { MessageView } from "../lists/message-rows.ts";

/** The most characters of a history: the rest stays with the conversation, and the history says so. */
const TRANSCRIPT_LENGTH_MAX = 200_000;
const LINE_LENGTH_MAX = 5_000;

/**
 * Creates a transcript: a conversation as lines of text, at least one a message. `add` returns false when there is no
 * more room.
 */
export function createTranscript(lengthMax = TRANSCRIPT_LENGTH_MAX): {
  add(message: MessageView): boolean;
  text(): string;
} {
  const lines: string[] = [];
  let length = 0;
  let isFull = false;
  return {
    add: (message) => {
      // Read receipts are for Meta; they are nothing that was said.
      if (isFull || message.kind === "read") return !isFull;
      const line = toLine(message);
      if (length + line.length + 1 > lengthMax) isFull = true;
      else {
        lines.push(line);
        length += line.length + 1;
      }
      return !isFull;
    },
    text: () => [...lines, ...(isFull ? ["(The conversation goes on; all of it is in Turno.)"] : [])].join("\n"),
  };
}

function toLine(message: MessageView): string {
  const { sentAt, direction, kind, text, send, editedAt, deletedAt } = message;
  const edited = editedAt === null ? "" : " (edited)";
  const deleted = deletedAt === null ? "" : " (deleted by the customer)";
  const who = kind === "payment" ? "Meta" : direction === "in" ? "customer" : (send?.agentName ?? "business");
  return `${sentAt} ${who}: ${shorten(sanitise(text))}${edited}${deleted}${sayDelivery(send)}`;
}

function shorten(text: string): string {
  if (text.length <= LINE_LENGTH_MAX) return text;
  const shown = text.slice(0, LINE_LENGTH_MAX).toWellFormed();
  return `${shown}… (${text.length - LINE_LENGTH_MAX} more characters are in Turno)`;
}

/** Says what the customer did not get, or may not have got; nothing of a message that Meta took. */
function sayDelivery(send: MessageView["send"]): string {
  switch (send?.state) {
    case "failed": {
      const { message } = (send.error ?? {}) as { message?: unknown };
      return typeof message === "string" ? ` (not delivered: ${sanitise(message)})` : " (not delivered)";
    }
    case "unknown":
      return " (nobody knows whether it was delivered)";
    case "held":
      return " (held back by Meta, not sent on yet)";
    case "waiting":
    case "sending":
      return " (not sent yet)";
    default:
      return "";
  }
}

/** Replaces control characters, which nobody said, and U+0000, which no database takes. */
function sanitise(text: string): string {
  return text.toWellFormed().replaceAll(/(?![\t\n])\p{Cc}/gu, "\ufffd");
}
