import { outgoingMessageSchema, TICKET_STATUSES } from "@turno/contracts";
import { z } from "zod";
import { bodyOf, command, type CommandRoute } from "./route.ts";

const number = (max: number) => z.coerce.number().pipe(z.int().min(1).max(max));
const limit = number(200).default(50);
const wamid = z.string().min(1).max(512);

/** Who acts on behalf of another names the agent; everybody else acts for itself. */
const forAgent: CommandRoute["toInput"] = ({ params, given, agentId }) => ({ agentId, ...params, ...given });
const optionalAgent = z.strictObject({ agentId: z.uuid().optional() });

const nameTicket = (text: unknown) => (/^\d+$/.test(String(text)) ? { number: Number(text) } : { id: text });
const withTicket: CommandRoute["toInput"] = ({ params: { ticket, ...params }, given }) => ({
  ...params,
  ...given,
  ticket: nameTicket(ticket),
});

const conversation = "/v1/conversations/{conversationId}";
const people = { tag: "People" };
const conversations = { tag: "Conversations" };
const tickets = { tag: "Tickets" };
const admin = { tag: "Administration" };

/** Each command that people give, by HTTP. Bodies and answers are the commands' own schemas. */
export const COMMAND_ROUTES: readonly CommandRoute[] = [
  command("set-availability", "post", "/v1/agents/{agentId}/availability", {
    ...people,
    example: { availability: "available" },
  }),
  command("heartbeat", "post", "/v1/agents/{agentId}/heartbeat", people),
  command("list-groups", "get", "/v1/groups", people),
  command("list-queue", "get", "/v1/groups/{groupId}/queue", {
    ...conversations,
    query: z.strictObject({ limit }),
    example: { limit: 10 },
  }),
  command("accept", "post", `${conversation}/accept`, { ...conversations, body: optionalAgent, toInput: forAgent }),
  command("decline", "post", `${conversation}/decline`, {
    ...conversations,
    body: z.strictObject({ agentId: z.uuid().optional(), reason: z.string().min(1).max(1000).optional() }),
    example: { reason: "En reunión" },
    toInput: forAgent,
  }),
  command("claim", "post", `${conversation}/claim`, { ...conversations, body: optionalAgent, toInput: forAgent }),
  command("claim-next", "post", "/v1/claim-next", {
    ...conversations,
    body: z.strictObject({ agentId: z.uuid().optional(), groupId: z.uuid().optional() }),
    toInput: forAgent,
  }),
  command("transfer", "post", `${conversation}/transfer`, {
    ...conversations,
    example: { to: { agentId: "00000000-0000-7000-8000-000200000001" }, reason: "speaks Portuguese" },
  }),
  command("send", "post", `${conversation}/messages`, {
    ...conversations,
    body: z.strictObject({ message: outgoingMessageSchema, force: z.boolean().optional() }),
    example: { message: { type: "text", body: "Hola, ¿en qué puedo ayudarle?" } },
    toInput: forAgent,
  }),
  command("start-conversation", "post", "/v1/channels/{channelId}/conversations", {
    ...conversations,
    body: bodyOf("start-conversation", ["channelId", "agentId"]).extend({ agentId: z.uuid().optional() }),
    example: {
      to: { contactId: "00000000-0000-7000-8000-000900000001" },
      message: { type: "template", name: "order_update", language: "es" },
    },
    toInput: forAgent,
  }),
  command("send", "post", `${conversation}/read`, {
    ...conversations,
    body: z.strictObject({
      messageId: wamid.describe("Meta's id of the customer's message"),
      typing: z.boolean().default(false),
    }),
    example: { messageId: "wamid.example" },
    toInput: ({ params, given, agentId }) => ({ ...params, agentId, message: { type: "read", ...given } }),
  }),
  command("list-contact-conflicts", "get", "/v1/contact-conflicts", { ...people, query: z.strictObject({ limit }) }),
  command("join-contacts", "post", "/v1/contacts/{contactId}/join", {
    ...people,
    example: { otherId: "00000000-0000-7000-8000-000900000001" },
  }),
  command("block-contact", "post", "/v1/contacts/{contactId}/block", {
    ...people,
    example: { reason: "Sends advertising every night" },
  }),
  command("unblock-contact", "post", "/v1/contacts/{contactId}/unblock", people),
  command("explain-assignment", "get", `${conversation}/assignments`, conversations),
  command("explain-waiting", "get", `${conversation}/waiting`, conversations),
  command("propose-ticket-link", "post", `${conversation}/ticket-link/propose`, {
    ...tickets,
    example: { ticket: { number: 1 } },
  }),
  command("confirm-ticket-link", "post", `${conversation}/ticket-link/confirm`, tickets),
  command("reject-ticket-link", "post", `${conversation}/ticket-link/reject`, tickets),
  command("link-ticket", "post", `${conversation}/ticket-link`, { ...tickets, example: { ticket: { number: 1 } } }),
  command("create-ticket", "post", `${conversation}/ticket`, {
    ...tickets,
    example: {
      subject: "Factura equivocada",
      body: "Cobraron dos veces.",
      requester: { name: "Marta Ruiz", reach: "administración, interno 12" },
    },
  }),
  command("close", "post", `${conversation}/close`, conversations),
  command("close-as-spam", "post", `${conversation}/spam`, { ...conversations, example: {} }),
  command("finalise", "post", `${conversation}/finalise`, { ...conversations, example: {} }),
  command("search-tickets", "get", "/v1/tickets", {
    ...tickets,
    query: z.strictObject({
      text: z.string().max(200).optional(),
      status: z.enum(TICKET_STATUSES).optional(),
      requesterId: z.uuid().optional(),
      beforeNumber: number(Number.MAX_SAFE_INTEGER).optional(),
      limit,
    }),
    example: { text: "factura", limit: 10 },
  }),
  command("read-ticket", "get", "/v1/tickets/{ticket}", { ...tickets, toInput: withTicket }),
  command("read-ticket-action", "get", "/v1/tickets/{ticket}/actions/{actionId}", { ...tickets, toInput: withTicket }),
  command("edit-ticket", "patch", "/v1/tickets/{ticket}", {
    ...tickets,
    example: { status: "solved", comment: "Devolvimos el dinero." },
    toInput: withTicket,
  }),
  command("complete-ticket-action", "post", "/v1/tickets/{ticket}/actions/{actionId}/note", {
    ...tickets,
    example: { note: "Se devolvió el dinero; falta la factura nueva." },
    toInput: withTicket,
  }),
  command("list-templates", "get", "/v1/channels/{channelId}/templates", conversations),
  command("configure", "post", "/v1/configuration", {
    ...admin,
    body: bodyOf("configure", []),
    example: { groups: [{ id: "00000000-0000-7000-8000-000100000000", name: "Support" }] },
  }),
  command("list-dead-letters", "get", "/v1/dead-letters", {
    ...admin,
    query: z.strictObject({ cause: z.string().max(2_000).optional(), after: z.uuid().optional(), limit }),
    example: { limit: 10 },
  }),
  command("retry-dead-letter", "post", "/v1/dead-letters/{id}/retry", admin),
  command("discard-dead-letter", "post", "/v1/dead-letters/{id}/discard", admin),
  command("list-circuits", "get", "/v1/circuits", admin),
  command("list-access-tokens", "get", "/v1/access-tokens", admin),
  command("set-access-token", "post", "/v1/access-tokens", {
    ...admin,
    example: { scope: "account", key: "102290129340398", token: "the-token-of-Meta" },
  }),
  command("rotate-token-keys", "post", "/v1/access-tokens/rotate", admin),
  command("reset-circuit", "post", "/v1/circuits/reset", { ...admin, example: { scope: "number", key: "123" } }),
];
