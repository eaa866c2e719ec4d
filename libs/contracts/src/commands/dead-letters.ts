import { z } from "zod";
import { actor, id, limit } from "./fields.ts";

const deadLetter = z.object({
  id,
  key: z.string(),
  cause: z.string(),
  field: z.string(),
  setAsideAt: z.iso.datetime(),
  line: z.string().describe("The update as a line of the inbound log; its beginning where it is long"),
});

/** Commands about updates that could not take effect. */
export const deadLettersCommands = {
  "list-dead-letters": {
    service: "router",
    summary: "Updates that were set aside because they cannot take effect, with the cause, oldest first.",
    request: z.object({
      actor,
      cause: z.string().max(2_000).optional().describe("Only those whose cause begins so"),
      after: id.optional().describe("Goes on from a page's `next`"),
      limit,
    }),
    answer: z.object({
      total: z.int().describe("How many there are, of this cause if one is named"),
      causes: z.array(z.object({ cause: z.string(), count: z.int() })).describe("The most frequent ones of all"),
      deadLetters: z.array(deadLetter),
      next: id.nullable(),
    }),
  },
  "retry-dead-letter": {
    service: "router",
    summary: "Tries a dead letter again, when its cause is fixed.",
    request: z.object({ actor, id }),
    answer: z.object({ id, applied: z.boolean(), cause: z.string().nullable() }),
  },
  "retry-status": {
    service: "sender",
    summary:
      "Tries the dead letter of a delivery status again: `retry-dead-letter` passes it on, so nobody else need ask.",
    request: z.object({ actor, id }),
    answer: z.object({ id, applied: z.boolean(), cause: z.string().nullable() }),
  },
  "discard-dead-letter": {
    service: "router",
    summary: "Gives a dead letter up for good.",
    request: z.object({ actor, id }),
    answer: z.object({ id }),
  },
} as const;
