import { z } from "zod";
import { CONFIGURATION_CHANGED } from "./configuration-change.ts";
import { CONTACT_EVENTS } from "./contact-events.ts";
import {
  actorSchema,
  assignmentReasonSchema,
  automatic,
  namedContactSchema,
  ofConversation,
  sendData,
  ticketLinkData,
  waitingSince,
} from "./event-parts.ts";

const id = z.uuid();
const instant = z.iso.datetime();

const text = z.string().optional().describe("What it says, in words: those that console, API and ticket show");

/** Every event that Turno publishes: its version, its meaning, and its data. `docs/events.md` is generated from it. */
export const EVENTS = {
  "conversation.opened": {
    version: 1,
    summary:
      "A contact without an open conversation wrote or called. Where an agent gets it at once, `conversation.assigned` is the next event; else the conversation waits in its group's queue.",
    data: z.object({
      ...ofConversation,
      groupId: id,
      contact: namedContactSchema,
    }),
  },
  "conversation.assigned": {
    version: 1,
    summary:
      "A conversation was given to an agent: in turn, as what follows one that it has just closed, by a claim or by a transfer.",
    data: z.object({
      ...ofConversation,
      groupId: id,
      assignmentId: id,
      agentId: id,
      waitedMs: z.number().int().min(0).describe("Milliseconds from when it was queued"),
      reason: assignmentReasonSchema,
      offeredUntil: instant
        .optional()
        .describe("Stands where it is only offered to the agent, who accepts or declines it until then"),
    }),
  },
  "conversation.accepted": {
    version: 1,
    summary:
      "The agent accepted the conversation that was offered to it. One that is declined, or not accepted in time, is transferred back to its queue.",
    data: z.object({ ...ofConversation, groupId: id, agentId: id, actor: actorSchema }),
  },
  "conversation.transferred": {
    version: 1,
    summary: "A conversation left its agent or queue for another agent or group.",
    data: z.object({
      ...ofConversation,
      from: z.object({ groupId: id, agentId: id.nullable() }),
      to: z.object({ groupId: id, agentId: id.nullable() }),
      reason: z.string().nullable(),
      actor: actorSchema,
      forced: z.boolean(),
    }),
  },
  "conversation.unanswered": {
    version: 1,
    summary:
      "A conversation went back to its queue without an answer as often as its group lets it. Nobody is given it any more: somebody must claim or transfer it.",
    data: z.object({
      ...ofConversation,
      groupId: id,
      lapses: z.number().int().min(1).describe("How often it went back since the customer last had an answer"),
      waitingSince: instant.nullable().describe("Meta's time of the oldest message that nobody answered"),
    }),
  },
  "message.received": {
    version: 1,
    summary: "A customer's message, call or notice took effect on a conversation.",
    data: z.object({
      ...ofConversation,
      messageId: id,
      kind: z.string().describe("Meta's message type; `call` and `call_end` for a call and its end"),
      text,
      sentAt: instant.describe("Meta's timestamp"),
      receivedAt: instant,
      waitingSince,
      content: z.unknown().describe("The item as Meta sent it"),
    }),
  },
  "message.echoed": {
    version: 1,
    summary: "Somebody of the business wrote by hand in the WhatsApp Business app; shown as outgoing.",
    data: z.object({
      ...ofConversation,
      messageId: id,
      kind: z.string(),
      text,
      sentAt: instant,
      receivedAt: instant,
      waitingSince,
      content: z.unknown(),
    }),
  },
  "conversation.expiring": {
    version: 1,
    summary: "A conversation will expire soon unless the customer writes.",
    data: z.object({ ...ofConversation, expiresAt: instant, minutesBefore: z.number().int() }),
  },
  "conversation.joined": {
    version: 1,
    summary:
      "Its contact was joined with another one, which has an open conversation on the same channel: it goes on in that one, which takes over what still waits to be sent. It has expired and can only be finalised.",
    data: z.object({
      ...ofConversation,
      groupId: id,
      agentId: id.nullable().describe("Who had it"),
      intoId: id.describe("The conversation in which it goes on"),
    }),
  },
  "conversation.expired": {
    version: 1,
    summary: "24 hours passed without the customer: only a template may be sent, and it opens a new conversation.",
    data: z.object({
      ...ofConversation,
      expiredAt: instant,
      agentId: id.nullable(),
      ticketNumber: z.number().int().nullable(),
    }),
  },
  "conversation.reopened": {
    version: 1,
    summary: "A template sent from an expired conversation opened this new active one; the old one stays expired.",
    data: z.object({ ...ofConversation, groupId: id, agentId: id, continuesConversationId: id }),
  },
  "conversation.started": {
    version: 1,
    summary:
      "Somebody of ours wrote first: a template opened this active conversation, with the ticket of the customer's last one on the channel if that was confirmed.",
    data: z.object({
      ...ofConversation,
      groupId: id,
      agentId: id.describe("Whose it is"),
      contact: namedContactSchema,
      ticketId: id.nullable(),
      ticketNumber: z.number().int().nullable(),
      actor: actorSchema,
    }),
  },
  "conversation.failed": {
    version: 1,
    summary:
      "Meta refused the template that opened this conversation: it is over. The expired one that it continued can be used again.",
    data: z.object({
      ...ofConversation,
      continuesConversationId: id.optional().describe("Left out where the template continued nothing"),
      sendId: id,
    }),
  },
  "conversation.closed": {
    version: 1,
    summary: "A conversation ended: an active one was closed, or an expired one finalised.",
    data: z.object({
      ...ofConversation,
      how: z.enum(["closed", "finalised"]),
      reason: z
        .literal("spam")
        .optional()
        .describe("Stands where it ended as spam: without a ticket of its own, and without a history on one"),
      groupId: id,
      agentId: id.nullable().describe("Who had it last"),
      ticketId: id.nullable(),
      ticketNumber: z.number().int().nullable(),
      actor: actorSchema,
    }),
  },
  "ticket.proposed": {
    version: 1,
    summary: "A ticket link was proposed for a conversation; an agent decides.",
    data: ticketLinkData.extend({
      cause: z.enum(["asked", "returning"]).describe("`returning`: the open ticket of the contact's last conversation"),
    }),
  },
  "ticket.confirmed": {
    version: 1,
    summary: "A conversation's ticket link was confirmed: a proposal, an existing ticket, or a new one.",
    data: ticketLinkData.extend({ cause: z.enum(["proposal", "linked", "created", "follow-up"]) }),
  },
  "ticket.rejected": { version: 1, summary: "A proposed ticket link was rejected.", data: ticketLinkData },
  "ticket.edited": {
    version: 1,
    summary: "A ticket of the built-in store changed; it is the event's entity, and belongs to no number.",
    data: z.object({
      ticketId: id,
      ticketNumber: z.number().int(),
      version: z.number().int(),
      status: z.string(),
      changed: z.array(z.enum(["subject", "body", "requester", "status", "comment", "note"])),
      actor: actorSchema,
    }),
  },
  "message.requested": {
    version: 1,
    summary: "A message passed the gate and waits to be sent.",
    data: z.object({
      ...ofConversation,
      sendId: id,
      kind: z.string(),
      text,
      actor: actorSchema,
      automatic,
      content: z.unknown(),
    }),
  },
  "message.accepted": { version: 1, summary: "Meta accepted a message (or a read receipt).", data: sendData },
  "message.held": {
    version: 1,
    summary:
      "Meta took a template's message and holds it back to assess its quality: it stands for `message.accepted`. It may still be sent, or fail.",
    data: sendData,
  },
  "message.sent": { version: 1, summary: "Meta sent a message on.", data: sendData },
  "message.delivered": { version: 1, summary: "A message reached the customer's device.", data: sendData },
  "message.read": { version: 1, summary: "The customer read a message.", data: sendData },
  "message.played": { version: 1, summary: "The customer played a voice message.", data: sendData },
  "message.failed": {
    version: 1,
    summary: "A message was refused or could not be delivered; `error` says why and what to do.",
    data: sendData.extend({
      error: z.object({ code: z.number().int().nullable(), class: z.string(), message: z.string() }),
    }),
  },
  "message.unconfirmed": {
    version: 1,
    summary: "The outcome of a call to Meta is unknown; the message is not sent again.",
    data: sendData,
  },
  "payment.reported": {
    version: 1,
    summary: "Meta says what became of a payment that a message asked for. It says nothing of the message's delivery.",
    data: sendData.extend({
      messageId: id.describe("The note among the conversation's messages"),
      status: z.string().describe("Meta's word, such as `captured`, `pending` or `failed`"),
      changedAt: instant.describe("Meta's timestamp"),
      content: z.unknown().describe("The status as Meta sent it"),
    }),
  },
  ...CONTACT_EVENTS,
  "agent.updated": {
    version: 1,
    summary: "An agent's availability or capacity changed, or it was deactivated or reactivated.",
    data: z.object({
      agentId: id,
      availability: z.enum(["available", "away"]),
      capacity: z.number().int().min(0).nullable().describe("Null: without a limit"),
      active: z
        .boolean()
        .optional()
        .describe("False of an agent who is deactivated; left out where that did not change"),
      actor: actorSchema,
    }),
  },
  "configuration.changed": CONFIGURATION_CHANGED,
} as const;

export type EventType = keyof typeof EVENTS;
export type EventData<T extends EventType = EventType> = z.infer<(typeof EVENTS)[T]["data"]>;

/** The body of every message on `EVENTS`. CloudEvents 1.0 attributes travel as `ce-` headers (binary mode). */
export const envelopeSchema = z.object({
  id,
  type: z.string(),
  version: z.number().int().min(1),
  occurredAt: instant,
  sequence: z
    .number()
    .int()
    .min(1)
    .describe("Counts the events of one conversation (or contact, agent, ticket, or request to configure) from 1"),
  source: z.string(),
  timeline: id.describe("Changes when the database was restored to an older copy, see Timelines"),
  data: z.unknown(),
});
export type Envelope = z.infer<typeof envelopeSchema>;
