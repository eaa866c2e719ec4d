import { z } from "zod";
import { actor, id, limit } from "./fields.ts";

const contact = z.object({
  id,
  name: z.string().nullable(),
  phone: z.string().nullable(),
  userId: z.string().nullable().describe("Meta's business-scoped user id"),
});

/** Commands about who customers are. */
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
} as const;
