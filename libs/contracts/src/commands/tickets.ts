import { z } from "zod";
import { actorSchema } from "../event-parts.ts";
import { actor, id, limit, text } from "./fields.ts";

const subject = text(200).min(1);
const body = text(20_000);

/** Consecutive, from 1; what people call a ticket by. */
const number = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const ticketRef = z.union([z.strictObject({ id }), z.strictObject({ number })]).describe("A ticket by id or number");

export const TICKET_STATUSES = ["open", "pending", "solved", "closed"] as const;
const status = z.enum(TICKET_STATUSES);
const requester = z.object({
  name: text(100).min(1),
  reach: text(200).default("").describe("How to reach them: a phone, an address, a department"),
});
const anothers = z
  .boolean()
  .default(false)
  .describe("Links a ticket that was made for another customer; refused without it");

export const ticketSchema = z.object({
  id,
  number,
  subject: z.string(),
  body: z.string(),
  requesterId: id.nullable().describe("The contact for whose conversation it was made"),
  requester: z
    .object({ name: z.string(), reach: z.string() })
    .describe("Who asked, and how to reach them: the contact unless somebody else is noted; empty where nobody is"),
  status,
  version: z.int().min(1).describe("Counts its edits from 1"),
  createdAt: z.iso.datetime(),
  changedAt: z.iso.datetime(),
});

/** How many characters of an action's body come with its ticket; `read-ticket-action` returns all of it. */
export const ACTION_PREVIEW_LENGTH_MAX = 4_000;

const actionSchema = z.object({
  id,
  kind: z.enum(["history", "comment", "edit"]),
  author: actorSchema,
  body: z.string(),
  isCut: z.boolean().describe("Whether the body goes on"),
  note: z
    .object({ author: actorSchema, text: z.string(), at: z.iso.datetime() })
    .nullable()
    .describe("How a history was completed"),
  createdAt: z.iso.datetime(),
});

const linkAnswer = z.object({
  conversationId: id,
  ticketId: id.nullable(),
  ticketNumber: number.nullable(),
  ticketLink: z.enum(["proposed", "confirmed"]).nullable(),
});
const endAnswer = z.object({
  conversationId: id,
  how: z.enum(["closed", "finalised"]),
  closedAt: z.iso.datetime(),
  ticketId: id.nullable(),
  ticketNumber: number.nullable(),
  ticket: ticketSchema.nullable().describe("As it now is; null without one, or where its store does not answer"),
  action: actionSchema.nullable().describe("The conversation's history on the ticket; null while it waits to be added"),
});
const seenTicketId = id
  .optional()
  .describe("The proposed ticket that the asker saw; refused where it is another by now");

/** Tickets, their links to conversations, and how conversations end. */
export const ticketCommands = {
  close: {
    service: "inbox",
    summary:
      "Closes an active conversation. Needs a confirmed ticket link unless the group does not ask for one; the " +
      "conversation's history becomes one action of the ticket.",
    request: z.object({ actor, conversationId: id }),
    answer: endAnswer,
  },
  finalise: {
    service: "inbox",
    summary:
      "Ends an expired conversation, the only way in which one ends; otherwise as `close`. Without a ticket of its own it " +
      "takes that of the conversation that a template from it opened.",
    request: z.object({
      actor,
      conversationId: id,
      ticket: ticketRef.optional().describe("Links this ticket, confirmed, in place of its own"),
      anothers,
    }),
    answer: endAnswer,
  },
  "propose-ticket-link": {
    service: "inbox",
    summary: "A customer, through a bot, names the ticket that a conversation is about; an agent decides.",
    request: z.object({ actor, conversationId: id, ticket: ticketRef }),
    answer: linkAnswer,
  },
  "confirm-ticket-link": {
    service: "inbox",
    summary: "An agent agrees with the proposed ticket link.",
    request: z.object({ actor, conversationId: id, ticketId: seenTicketId }),
    answer: linkAnswer,
  },
  "reject-ticket-link": {
    service: "inbox",
    summary: "An agent takes the proposed ticket link away.",
    request: z.object({ actor, conversationId: id, ticketId: seenTicketId }),
    answer: linkAnswer,
  },
  "link-ticket": {
    service: "inbox",
    summary: "Links a conversation to a ticket that exists; the link is confirmed at once.",
    request: z.object({ actor, conversationId: id, ticket: ticketRef, anothers }),
    answer: linkAnswer,
  },
  "create-ticket": {
    service: "inbox",
    summary:
      "Makes a new ticket for a conversation and links it, confirmed. One conversation makes one ticket at most.",
    request: z.object({
      actor,
      conversationId: id,
      subject,
      body: body.default(""),
      requester: requester.optional().describe("Who asked, where it is not the contact"),
    }),
    answer: linkAnswer,
  },
  "search-tickets": {
    service: "inbox",
    summary:
      "Tickets that one sees, by number or by words of their subject, body, requester, comments and histories, whatever " +
      "their case and accents, newest first. The last word may be unfinished.",
    request: z.object({
      actor,
      text: text(200).optional(),
      status: status.optional(),
      requesterId: id.optional().describe("Those that were made for this contact"),
      beforeNumber: number.optional().describe("Goes on from a page's `nextBeforeNumber`"),
      limit,
    }),
    answer: z.object({ tickets: z.array(ticketSchema), nextBeforeNumber: number.nullable() }),
  },
  "read-ticket": {
    service: "inbox",
    summary:
      "A ticket with its latest 50 actions, newest first. It is seen through a conversation that one may read: one that " +
      "is linked to it, or an open one with its customer.",
    request: z.object({ actor, ticket: ticketRef }),
    answer: z.object({ ticket: ticketSchema, actions: z.array(actionSchema) }),
  },
  "read-ticket-action": {
    service: "inbox",
    summary: "One action of a ticket with its whole body.",
    request: z.object({ actor, ticket: ticketRef, actionId: id }),
    answer: z.object({ action: actionSchema }),
  },
  "edit-ticket": {
    service: "inbox",
    summary: "Changes a ticket's subject, body, requester or status, or adds a comment. What is not named stays.",
    request: z.object({
      actor,
      ticket: ticketRef,
      version: z.int().min(1).optional().describe("The version that the asker saw; refused where it changed since"),
      subject: subject.optional(),
      body: body.optional(),
      requester: requester.optional(),
      status: status.optional(),
      comment: body.min(1).optional(),
    }),
    answer: z.object({ ticket: ticketSchema }),
  },
  "complete-ticket-action": {
    service: "inbox",
    summary: "Completes a conversation's history on its ticket with a closing note. Another note takes its place.",
    request: z.object({ actor, ticket: ticketRef, actionId: id, note: text(4_000).min(1) }),
    answer: z.object({ action: actionSchema }),
  },
} as const;
