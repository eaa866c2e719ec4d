import { sayAnswers } from "./say-answers.ts";
import { sayContacts, sayLocation, sayMedia, sayOrder, sayPayment } from "./say-content.ts";
import { valueAt, join, label, textAt } from "./fields.ts";
import { sayInteractive } from "./say-interactive.ts";

/**
 * Returns what a message says, as a person reads it: its words, or in brackets what it is and then what is known of it.
 * `kind` is Meta's type, and `payload` an item of a webhook or a body of the Graph API: both name the content after the type.
 * A shape that nobody knows is never an error. Source: Meta, Cloud API, "Messages" webhooks and "Messages" API.
 */
export function sayMessage(kind: string, payload: unknown): string {
  const said = sayContent(kind, payload);
  const from = sayReferral(valueAt(payload, "referral"));
  return from === null ? said : `${said}\n${from}`;
}

function sayContent(kind: string, payload: unknown): string {
  const content = valueAt(payload, kind);
  switch (kind) {
    case "text":
      return textAt(content, "body") ?? "[text]";
    case "button":
      return label("button", textAt(content, "text"));
    case "image":
    case "video":
    case "audio":
    case "document":
    case "sticker":
      return sayMedia(kind, content) ?? label(kind, sayErrors(payload));
    case "location":
      return label("location", sayLocation(content));
    case "contacts":
      return label("contact", sayContacts(content));
    case "order":
      return label("order", sayOrder(content));
    case "interactive":
      return sayAnswers(content) ?? sayInteractive(content);
    case "payment":
      return label("payment", sayPayment(payload));
    case "reaction":
      return label("reaction", textAt(content, "emoji") ?? "taken back");
    case "template":
      return label("template", textAt(content, "name"));
    case "system":
      return label("notice", textAt(content, "body") ?? sayNotice(textAt(content, "type")));
    case "edit":
      return label("edited", sayEdited(valueAt(content, "message")));
    case "revoke":
      return "[deleted a message]";
    case "call":
      return label("call", textAt(payload, "event") === null ? "accepted by the customer" : "from the customer");
    case "call_end":
      return label("call", sayEnd(valueAt(payload, "duration")));
    case "unsupported":
    case "unknown":
      return label("unsupported", textAt(content, "type") ?? sayErrors(payload));
    default:
      return label(kind, textAt(content, "caption") ?? textAt(content, "name") ?? sayErrors(payload));
  }
}

/** Meta gives the duration in seconds, and only where the call was answered. */
const sayEnd = (seconds: unknown): string =>
  typeof seconds === "number" && seconds > 0 ? `ended after ${seconds} s` : "missed";

/** A notice without words of its own. That of the withdrawn field `user_id_update` has no type either. */
const sayNotice = (type: string | null): string => type?.replaceAll("_", " ") ?? "user id update";

function sayEdited(message: unknown): string | null {
  const kind = textAt(message, "type");
  return kind === null || kind === "edit" ? null : sayContent(kind, message);
}

/** Meta says so where it could not take what the customer sent. */
function sayErrors(payload: unknown): string | null {
  const error = valueAt(payload, "errors", 0);
  return textAt(error, "error_data", "details") ?? textAt(error, "message") ?? textAt(error, "title");
}

/** Where the customer came from: an advertisement or a post that leads to WhatsApp. */
function sayReferral(referral: unknown): string | null {
  const named = join([textAt(referral, "headline"), textAt(referral, "source_url")], ", ");
  const kind = textAt(referral, "source_type");
  if (named === null && kind === null) return null;
  const what = kind === null ? "an advertisement or a post" : `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind}`;
  return named === null ? `(came from ${what})` : `(came from ${what}: ${named})`;
}
