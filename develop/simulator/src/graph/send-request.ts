import { refuseCall, type GraphRefusal } from "./refusal.ts";

/**
 * To whom a message goes. A phone in `to` without `+` gets the business number's own country code put before it;
 * a business-scoped user id in `to` is taken without complaint and reaches nobody.
 */
export type SendRecipient =
  | { kind: "phone"; digits: string; hasPlus: boolean }
  | { kind: "userId"; userId: string }
  | { kind: "userIdInTo"; userId: string };

/** `parameters` holds, for each part, the `parameter_name` of each parameter, or null for positional ones. */
export interface TemplateSend {
  name: string;
  language: string;
  parameters: { header?: (string | null)[]; body?: (string | null)[] };
}

export interface MessageSend {
  kind: "message";
  type: string;
  recipient: SendRecipient;
  input: string;
  template: TemplateSend | null;
  callbackData: string | null;
  /** The member named like the type, as it came. */
  content: Fields | Fields[];
}

export interface ReadReceipt {
  kind: "read";
  messageId: string;
  isTyping: boolean;
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** Reads the body of `POST /{phone number}/messages`, by Meta's reference of that call. */
export function parseSendRequest(body: unknown): MessageSend | ReadReceipt | GraphRefusal {
  if (!isFields(body)) return refuseCall(100, "The body is not a JSON object.");
  if (body["messaging_product"] !== "whatsapp") return refuseCall(100, "The parameter messaging_product is required.");
  if (body["status"] !== undefined) return parseReadReceipt(body);
  const recipient = parseRecipient(body);
  if ("code" in recipient) return recipient;
  const type = body["type"] === undefined ? "text" : body["type"];
  if (typeof type !== "string" || !Object.hasOwn(contentChecks, type)) {
    return refuseCall(100, `Param type must be one of {${Object.keys(contentChecks).join(", ").toUpperCase()}}.`);
  }
  const callbackData = body["biz_opaque_callback_data"] ?? null;
  if (callbackData !== null && (typeof callbackData !== "string" || callbackData.length > 512)) {
    return refuseCall(100, "Param biz_opaque_callback_data must be a string of at most 512 characters.");
  }
  const content = body[type];
  if (!isFields(content) && !(type === "contacts" && Array.isArray(content))) {
    return refuseCall(131008, `Parameter '${type}' is mandatory for type '${type}'`);
  }
  const fault = contentChecks[type as keyof typeof contentChecks](content as Fields);
  if (fault !== null) return fault;
  const template = type === "template" ? parseTemplate(content as Fields) : null;
  if (template !== null && "code" in template) return template;
  const input = String(body["to"] ?? body["recipient"]);
  return { kind: "message", type, recipient, input, template, callbackData, content: content as Fields };
}

function parseReadReceipt(body: Fields): ReadReceipt | GraphRefusal {
  const messageId = text(body["message_id"]);
  if (body["status"] !== "read") return refuseCall(100, "Param status must be read.");
  if (messageId === null) return refuseCall(131008, "message_id is required.");
  return { kind: "read", messageId, isTyping: body["typing_indicator"] !== undefined };
}

function parseRecipient(body: Fields): SendRecipient | GraphRefusal {
  const to = text(body["to"]);
  const userId = text(body["recipient"]);
  // Where both are given, `to` wins.
  if (to !== null && /^[A-Z]{2}\./.test(to)) return { kind: "userIdInTo", userId: to };
  if (to !== null) {
    const digits = to.replace(/[\s()-]/g, "").replace(/^\+/, "");
    if (!/^\d{5,20}$/.test(digits)) return refuseCall(131009, "Param to is not a phone number.");
    return { kind: "phone", digits, hasPlus: to.startsWith("+") };
  }
  if (userId === null) return refuseCall(100, "The parameter to is required.");
  return /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/.test(userId)
    ? { kind: "userId", userId }
    : refuseCall(131009, "Param recipient is not a business-scoped user id.");
}

function parseTemplate(content: Fields): TemplateSend | GraphRefusal {
  const name = text(content["name"]);
  const language = isFields(content["language"]) ? text(content["language"]["code"]) : null;
  if (name === null || language === null) return refuseCall(131008, "template name and language.code are required.");
  const parameters: TemplateSend["parameters"] = {};
  const components = content["components"] ?? [];
  if (!Array.isArray(components)) return refuseCall(132012, "components is not an array.");
  for (const component of components as unknown[]) {
    if (!isFields(component)) return refuseCall(132012, "a component is not an object.");
    const type = String(component["type"]).toLowerCase();
    if (type !== "header" && type !== "body") continue;
    const given = (component["parameters"] ?? []) as unknown[];
    if (!given.every(isFields)) return refuseCall(132012, `${type}: a parameter is not an object.`);
    // A medium in the header is no placeholder of its text.
    const texts = given.filter((parameter) => ["text", "currency", "date_time"].includes(String(parameter["type"])));
    if (texts.some((parameter) => parameter["type"] === "text" && text(parameter["text"]) === null)) {
      return refuseCall(131008, `${type}: a parameter of type text has no text.`);
    }
    parameters[type] = texts.map((parameter) => text(parameter["parameter_name"]));
  }
  return { name, language, parameters };
}

type ContentCheck = (content: Fields) => GraphRefusal | null;

const media: ContentCheck = (content) => {
  const link = text(content["link"]);
  if (link === null && text(content["id"]) === null) return refuseCall(131008, "id or link is required.");
  if (link !== null && !/^https?:\/\/\S+$/.test(link)) return refuseCall(131009, "link is not a valid URL.");
  return (text(content["caption"]) ?? "").length > 1_024 ? refuseCall(100, "caption is longer than 1024.") : null;
};

const interactive: ContentCheck = (content) => {
  const type = text(content["type"]);
  const action = isFields(content["action"]) ? content["action"] : {};
  const bodyText = isFields(content["body"]) ? text(content["body"]["text"]) : null;
  if (type === null || !interactiveTypes.has(type)) return refuseCall(100, "Param interactive.type is not valid.");
  if (bodyText === null && type !== "product") return refuseCall(131008, "interactive.body.text is required.");
  if ((bodyText ?? "").length > (type === "list" ? 4_096 : 1_024)) return refuseCall(131009, "Body text is too long.");
  if (type === "button") {
    const buttons = Array.isArray(action["buttons"]) ? (action["buttons"] as unknown[]).filter(isFields) : [];
    if (buttons.length < 1 || buttons.length > 3) return refuseCall(131009, "Buttons count must be from 1 to 3.");
    const titles = buttons.map(({ reply }) => (isFields(reply) ? (text(reply["title"]) ?? "") : ""));
    if (titles.some(({ length }) => length < 1 || length > 20))
      return refuseCall(131009, "Button title must be 1 to 20.");
  }
  if (type === "list") {
    const sections = Array.isArray(action["sections"]) ? (action["sections"] as unknown[]).filter(isFields) : [];
    const rows = sections.flatMap((section) => (Array.isArray(section["rows"]) ? (section["rows"] as unknown[]) : []));
    if (rows.length < 1 || rows.length > 10) return refuseCall(131009, "Total row count must be from 1 to 10.");
  }
  return null;
};

const interactiveTypes = new Set(
  ["button", "list", "cta_url", "flow", "product", "product_list", "location_request_message"].concat([
    "address_message",
    "request_contact_info",
    "voice_call",
    "call_permission_request",
    "catalog_message",
    "order_details",
    "order_status",
    "carousel",
  ]),
);

const contentChecks = {
  text: (content) => {
    const length = text(content["body"])?.length ?? 0;
    if (length === 0) return refuseCall(131008, "text.body is required.");
    return length > 4_096 ? refuseCall(100, "Param text['body'] must be at most 4096 characters long.") : null;
  },
  image: media,
  audio: media,
  video: media,
  document: media,
  sticker: media,
  interactive,
  template: () => null,
  contacts: () => null,
  reaction: (content) =>
    text(content["message_id"]) === null || typeof content["emoji"] !== "string"
      ? refuseCall(131008, "reaction.message_id and reaction.emoji are required.")
      : null,
  location: ({ latitude, longitude }) =>
    latitude === undefined || longitude === undefined
      ? refuseCall(131008, "latitude and longitude are required.")
      : null,
} satisfies Record<string, ContentCheck>;
