import { z } from "zod";
import { actorSchema } from "./event-parts.ts";

const id = z.uuid();

/** The events of a contact, which belong to none of its conversations. */
export const CONTACT_EVENTS = {
  "contact.renumbered": {
    version: 1,
    summary: "A contact's phone number or user id changed; contact and open conversation stay.",
    data: z.object({ contactId: id, phoneNumberId: z.string(), change: z.string() }),
  },
  "contact.joined": {
    version: 1,
    summary:
      "Two contacts turned out to be one person. All that was of the contact `joinedId` is of `contactId` from now on: conversations, messages, and what leads to it.",
    data: z.object({
      contactId: id,
      joinedId: id,
      phoneNumberId: z.string().nullable().describe("The channel whose update proved it; null where a person said so"),
      because: z
        .enum(["change-notice", "one-update", "command"])
        .describe("Meta's notice of a change names both; one update names both; a person said so"),
      actor: actorSchema,
    }),
  },
  "contact.blocked": {
    version: 1,
    summary:
      "A contact was blocked: what it writes is kept, and opens no conversation. What it had open was closed as spam.",
    data: z.object({ contactId: id, reason: z.string(), actor: actorSchema }),
  },
  "contact.unblocked": {
    version: 1,
    summary: "A contact was unblocked: its next message opens a conversation.",
    data: z.object({ contactId: id, actor: actorSchema }),
  },
} as const;
