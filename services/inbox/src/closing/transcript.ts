import type { HistoryMessage } from "./pending-histories.ts";

/** The most characters of a history: the rest stays with the conversation, and the history says so. */
const TRANSCRIPT_LENGTH_MAX = 200_000;
const LINE_LENGTH_MAX = 5_000;

/**
 * Creates a transcript: a conversation as lines of text, at least one a message. `add` returns false when there is no
 * more room.
 */
export function createTranscript(lengthMax = TRANSCRIPT_LENGTH_MAX): {
  add(message: HistoryMessage): boolean;
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

function toLine({ sentAt, direction, kind, payload }: HistoryMessage): string {
  const who = direction === "in" ? "customer" : "business";
  const said = sanitise(describeMessage(kind, JSON.parse(payload)))
    .slice(0, LINE_LENGTH_MAX)
    .toWellFormed();
  return `${sentAt.toISOString()} ${who}: ${said}`;
}

/** Replaces control characters, which nobody said, and U+0000, which no database takes. */
function sanitise(text: string): string {
  return text.toWellFormed().replaceAll(/(?![\t\n])\p{Cc}/gu, "\ufffd");
}

type Json = Record<string, unknown>;
const at = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? (value as Json)[key] : undefined;
const textAt = (value: unknown, ...keys: string[]): string | null => {
  const found = keys.reduce(at, value);
  return typeof found === "string" && found !== "" ? found : null;
};

/**
 * Returns what a message says, in words. Both directions name the content after the type. Source of the shapes: Meta,
 * Cloud API, "Messages" reference and "Webhooks" reference.
 */
export function describeMessage(kind: string, payload: unknown): string {
  const said =
    textAt(payload, "text", "body") ??
    textAt(payload, "button", "text") ??
    textAt(payload, "interactive", "button_reply", "title") ??
    textAt(payload, "interactive", "list_reply", "title") ??
    textAt(payload, "interactive", "body", "text") ??
    textAt(payload, "reaction", "emoji") ??
    textAt(payload, "template", "name") ??
    textAt(payload, kind, "caption") ??
    textAt(payload, kind, "filename") ??
    textAt(payload, kind, "name");
  if (kind === "text" && said !== null) return said;
  return said === null ? `[${kind}]` : `[${kind}] ${said}`;
}
