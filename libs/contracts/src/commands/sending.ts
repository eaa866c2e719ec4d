import { z } from "zod";
import { outgoingMessageSchema, templateMessageSchema } from "../outgoing-message.ts";
import { actor, customer, id } from "./fields.ts";

const circuitScope = z.enum(["token", "account", "templates", "number"]);

/** Commands about what goes out to customers, and where sending is stopped. */
export const sendingCommands = {
  send: {
    service: "session-tracker",
    summary:
      "Sends a message on a conversation. Free form only while the session is open; on an expired conversation a template, " +
      "which opens a new active conversation.",
    request: z.object({
      actor,
      agentId: id,
      conversationId: id,
      message: outgoingMessageSchema,
      force: z
        .boolean()
        .default(false)
        .describe("Opens the new conversation although the agent has all that it takes; for who may force a transfer"),
    }),
    answer: z.object({
      sendId: id,
      conversationId: id.describe("The conversation it went into: a new one for a template on an expired conversation"),
      sessionEndsAt: z.iso.datetime().nullable(),
    }),
  },
  "start-conversation": {
    service: "session-tracker",
    summary:
      "Writes to a customer first, by a template: opens one active conversation with the agent, or continues the customer's " +
      "last one where that is expired. Refused where one is open: for the channel's group, its operators and admins.",
    request: z.object({
      actor,
      agentId: id.describe("Whose conversation it becomes"),
      channelId: id,
      to: customer,
      message: templateMessageSchema,
      force: z
        .boolean()
        .default(false)
        .describe("Opens it although the agent has all that it takes; for who may force a transfer"),
    }),
    answer: z.object({
      sendId: id,
      conversationId: id,
      contactId: id.describe("Made where the phone or user id was not known"),
      continuesConversationId: id.nullable().describe("The expired conversation that goes on in it"),
    }),
  },
  "list-templates": {
    service: "session-tracker",
    summary:
      "The templates that may be sent on a channel, with status, category and quality: for its group, and for who works on " +
      "a conversation of it.",
    request: z.object({ actor, channelId: id }),
    answer: z.object({
      templates: z.array(
        z.object({
          name: z.string(),
          language: z.string(),
          status: z.string(),
          category: z.string(),
          quality: z.string().nullable(),
          components: z.unknown(),
        }),
      ),
      list: z
        .object({
          readAt: z.iso.datetime().nullable(),
          failedSince: z.iso.datetime().nullable().describe("Null where it was read the last time"),
          failure: z.string().nullable(),
        })
        .nullable()
        .describe("How current this is: when Meta's list was read, and why it cannot be; null where it never was"),
    }),
  },
  "read-templates": {
    service: "sender",
    summary:
      "Reads an account's list of templates from Meta, unless it was read seconds ago. The gate asks for it where it does not know a template.",
    request: z.object({ actor, accountId: z.string().min(1).max(100) }),
    answer: z.object({
      accountId: z.string(),
      failure: z.string().nullable().describe("Why it could not be read; null where it was"),
    }),
  },
  "list-circuits": {
    service: "sender",
    summary:
      "Where sending is stopped, and why: a token, an account, the templates of an account, or a number. An operator " +
      "sees what concerns a group of its own.",
    request: z.object({ actor }),
    answer: z.object({
      circuits: z.array(
        z.object({
          scope: circuitScope,
          key: z.string(),
          code: z.int(),
          reason: z.string(),
          openedAt: z.iso.datetime(),
          tries: z.int().describe("How often a message has tried since then"),
          nextTryAt: z.iso.datetime().describe("When the next message tries by itself"),
        }),
      ),
    }),
  },
  "reset-circuit": {
    service: "sender",
    summary:
      "Lets sending go on at once after its cause is fixed. A token's circuit for admins, others for operators of a " +
      "group whose channel it stops.",
    request: z.object({ actor, scope: circuitScope, key: z.string().min(1).max(200) }),
    answer: z.object({ scope: z.string(), key: z.string() }),
  },
} as const;
