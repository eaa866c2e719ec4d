import { type Customer } from "./customers.ts";
import { type Json, type JsonObject, serialise } from "./json.ts";
import { between, digits, pick, type Random } from "./random.ts";

/** What a message's content may refer to. `quotedId` is the id of an earlier message, for replies, reactions and edits. */
export interface ContentContext {
  random: Random;
  customer: Customer;
  at: number;
  quotedId: string;
}

const sampleTexts = [
  "Hola 👋, ¿me pueden ayudar con mi pedido?",
  "¿Cuánto tarda el envío a Bogotá? 🚚",
  "Muchas gracias, ¡quedó perfecto! 🎉",
  "Necesito cambiar la dirección: Calle 8 nº 12/3, 2º izq.",
  "No me llegó el correo de confirmación a ana@example.com",
  "Oi, tudo bem? Quero remarcar minha consulta 🙏",
  "Não consigo pagar com cartão, dá erro 50% das vezes 😕",
  "Obrigada! Até amanhã ❤️",
  "O boleto venceu ontem, como faço a segunda via?",
  "Hi, is the blue one still in stock? 💙",
  "I was charged twice, order 4512/B. Please check <asap>",
  'He said "call me back" \\ and hung up',
  "ok",
  "👨‍👩‍👧‍👦🏳️‍🌈 👍🏽",
  "First line\nSecond line\tand a tab",
] as const;

function media(context: ContentContext, mimeType: string, extra: JsonObject = {}): JsonObject {
  const id = digits(context.random, 16);
  return {
    id,
    mime_type: mimeType,
    sha256: Buffer.from(digits(context.random, 32)).toString("base64"),
    // Meta rolled `url` out from November 2025 and may leave it away.
    url: context.random() < 0.7 ? `https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=${id}` : undefined,
    ...extra,
  };
}

const interactive = (reply: JsonObject): JsonObject => ({ type: "interactive", interactive: reply });
const system = (detail: JsonObject): JsonObject => ({ type: "system", system: detail });

/** One content for each type and reply type that Meta documents, and for a type of the future. Each gives `type` and the member of that name. */
const contents = {
  text: ({ random }) => ({ type: "text", text: { body: pick(random, sampleTexts) } }),
  image: (context) => ({ type: "image", image: media(context, "image/jpeg", { caption: "Mi recibo 🧾 / 2" }) }),
  audio: (context) => ({ type: "audio", audio: media(context, "audio/ogg; codecs=opus", { voice: true }) }),
  video: (context) => ({ type: "video", video: media(context, "video/mp4") }),
  document: (context) => ({
    type: "document",
    document: media(context, "application/pdf", { filename: "Factura año 2026.pdf", caption: "Segue a nota" }),
  }),
  sticker: (context) => ({ type: "sticker", sticker: media(context, "image/webp", { animated: false }) }),
  location: () => ({
    type: "location",
    location: { latitude: -23.561414, longitude: -46.655881, name: "Av. Paulista", address: "São Paulo / SP" },
  }),
  contacts: ({ random }) => ({
    type: "contacts",
    contacts: [
      {
        name: { formatted_name: "Tía Concha", first_name: "Concha" },
        phones: [{ phone: `+34 6${digits(random, 8)}`, type: "CELL" }],
        emails: [{ email: "concha@example.com", type: "HOME" }],
      },
    ],
  }),
  contact_request: ({ customer }) => ({
    type: "contacts",
    contacts: [
      {
        origin: "contact_request",
        name: { formatted_name: customer.name },
        phones: [{ phone: `+${customer.phone}`, wa_id: customer.phone, type: "CELL" }],
        vcard: `BEGIN:VCARD\nVERSION:3.0\nFN:${customer.name}\nTEL:+${customer.phone}\nEND:VCARD`,
      },
    ],
  }),
  button_reply: () =>
    interactive({ type: "button_reply", button_reply: { id: "confirm-1", title: "Sí, confirmo ✅" } }),
  list_reply: () =>
    interactive({
      type: "list_reply",
      list_reply: { id: "slot-3", title: "Terça 15h", description: "Com a Dra. Zoë" },
    }),
  flow_reply: () =>
    interactive({
      type: "nfm_reply",
      nfm_reply: { name: "flow", body: "Sent", response_json: serialise({ rating: 5, note: "¡Genial!" }) },
    }),
  address_reply: () =>
    interactive({
      type: "nfm_reply",
      nfm_reply: { name: "address_message", body: "Rua 1", response_json: serialise({ values: { city: "Brasília" } }) },
    }),
  call_permission_reply: ({ at }) =>
    interactive({
      type: "call_permission_reply",
      call_permission_reply: {
        response: "accept",
        is_permanent: false,
        expiration_timestamp: Math.floor(at / 1_000) + 604_800,
        response_source: "user_action",
      },
    }),
  product: () =>
    interactive({ type: "product", product: { catalog_id: "9988776655", product_retailer_id: "sku/ñ-1" } }),
  button: ({ quotedId }) => ({
    type: "button",
    context: { from: "15550001111", id: quotedId },
    button: { payload: "REOPEN", text: "Quero continuar" },
  }),
  reaction: ({ quotedId }) => ({ type: "reaction", reaction: { message_id: quotedId, emoji: "❤️" } }),
  reaction_removed: ({ quotedId }) => ({ type: "reaction", reaction: { message_id: quotedId } }),
  order: () => ({
    type: "order",
    order: {
      catalog_id: "9988776655",
      text: "Para llevar 🥟",
      product_items: [
        { product_retailer_id: "empanada-01", quantity: 12, item_price: 1.75, currency: "EUR" },
        { product_retailer_id: "mate", quantity: 1, item_price: 9, currency: "EUR" },
      ],
    },
  }),
  user_changed_number: ({ customer, random }) =>
    system({
      type: "user_changed_number",
      body: `${customer.name} changed number`,
      wa_id: `549113${digits(random, 7)}`,
      user_id: `AR.${digits(random, 18)}`,
      previous_user_id: customer.userId,
    }),
  user_changed_user_id: ({ customer, random }) =>
    system({
      type: "user_changed_user_id",
      body: "User id changed",
      user_id: `BR.${digits(random, 18)}`,
      previous_user_id: customer.userId,
    }),
  user_identity_changed: ({ customer }) =>
    system({ type: "user_identity_changed", body: "Security code changed", user_id: customer.userId }),
  edit: ({ quotedId }) => ({
    type: "edit",
    edit: {
      original_message_id: quotedId,
      message: { type: "text", text: { body: "Quise decir jueves, no viernes" } },
    },
  }),
  revoke: ({ quotedId }) => ({ type: "revoke", revoke: { original_message_id: quotedId } }),
  unsupported: ({ random }) => ({
    type: "unsupported",
    unsupported: { type: pick(random, ["poll_creation", "gif", "keep_in_chat", "group_invite", "pin"]) },
    errors: [unsupportedError],
  }),
  unknown: () => ({ type: "unknown", errors: [unsupportedError] }),
  too_large: () => ({
    type: "document",
    errors: [{ code: 131052, title: "Media download error", message: "Media download error" }],
  }),
  future: ({ random }) => ({ type: "hologram", hologram: { depth: between(random, 1, 9), frames: ["Ω", null, [1]] } }),
} satisfies Record<string, (context: ContentContext) => JsonObject>;

const unsupportedError: Json = {
  code: 131051,
  title: "Message type unknown",
  message: "Message type unknown",
  error_data: { details: "Message type is currently not supported." },
};

export type MessageType = keyof typeof contents;
export const MESSAGE_TYPES = Object.keys(contents) as MessageType[];

export function buildContent(type: MessageType, context: ContentContext): JsonObject {
  return contents[type](context);
}
