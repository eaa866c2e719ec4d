import { z } from "zod";
import { actor, id, limit } from "./fields.ts";

const deadLetter = z.object({
  id,
  key: z.string(),
  cause: z.string(),
  field: z.string(),
  setAsideAt: z.iso.datetime(),
});

/** Commands about updates that could not take effect. */
export const deadLettersCommands = {
  "list-dead-letters": {
    service: "router",
    summary: "Updates that were set aside because they cannot take effect, with the cause.",
    request: z.object({ actor, limit }),
    answer: z.object({ total: z.int(), deadLetters: z.array(deadLetter) }),
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
