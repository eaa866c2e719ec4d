import { z } from "zod";
import { actor, id, limit, text } from "./fields.ts";

const contact = z.object({
  id,
  name: z.string().nullable(),
  phone: z.string().nullable(),
  userId: z.string().nullable().describe("Meta's business-scoped user id"),
});

const blockReason = text(500).min(1);

/** Commands about who customers are, and about those who only disturb. */
export const contactCommands = {
  "list-contact-conflicts": {
    service: "router",
    summary:
      "Pairs of contacts that an update named as one person without a proof, oldest first: the phone that one of them shared leads to the other, or a parent id does.",
    request: z.object({ actor, limit }),
    answer: z.object({
      conflicts: z.array(z.object({ contact, other: contact, noticedAt: z.iso.datetime() })),
    }),
  },
  "join-contacts": {
    service: "router",
    summary:
      "Makes two contacts one: the older one remains, with the conversations and messages of both and one open conversation on each channel. It cannot be undone.",
    request: z.object({ actor, contactId: id, otherId: id }),
    answer: z.object({ contactId: id.describe("The contact that remains") }),
  },
  "block-contact": {
    service: "router",
    summary:
      "Blocks a contact on all channels: what it writes is kept, opens no conversation and takes no turn, and nothing is sent to it. What it has open is closed as spam, without a ticket.",
    request: z.object({ actor, contactId: id, reason: blockReason }),
    answer: z.object({
      contactId: id.describe("The contact that is blocked: the one that it was joined with, if it was"),
      blockedAt: z.iso.datetime(),
      closedConversationIds: z.array(id),
    }),
  },
  "unblock-contact": {
    service: "router",
    summary:
      "Unblocks a contact: its next message opens a conversation as any other. What it wrote meanwhile opens none.",
    request: z.object({ actor, contactId: id }),
    answer: z.object({ contactId: id }),
  },
  "close-as-spam": {
    service: "router",
    summary:
      "Ends a conversation as spam: without a ticket, and without a history on one. Agents may do it with their own where their group lets them (`agentsMayCloseAsSpam`).",
    request: z.object({
      actor,
      conversationId: id,
      block: z
        .boolean()
        .default(false)
        .describe("Also blocks the contact, in the same transaction, as `block-contact` does, for who may do that"),
      reason: blockReason.optional().describe("Why the contact is blocked; `spam` where it is left out"),
    }),
    answer: z.object({
      conversationId: id,
      how: z.enum(["closed", "finalised"]),
      closedAt: z.iso.datetime(),
      isBlocked: z.boolean().describe("Whether this blocked the contact"),
    }),
  },
} as const;
