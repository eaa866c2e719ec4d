import { ROLE_NAMES } from "@turno/conversation";
import { z } from "zod";
import { actor, id, name } from "./fields.ts";

/** What an admin sets: groups, agents, memberships, channels. */
export const configurationCommands = {
  configure: {
    service: "router",
    summary:
      "Creates or changes groups, agents, memberships and channels, all in one transaction; what is not named stays.",
    request: z.object({
      actor,
      groups: z
        .array(
          z.object({
            id,
            name,
            distribution: z.enum(["automatic", "manual"]).default("automatic"),
            needsPresence: z.boolean().default(false),
            returningWithinDays: z.int().min(0).max(365).default(0),
            returningWaitSeconds: z.int().min(0).max(86_400).default(0),
            closingNeedsTicket: z
              .boolean()
              .default(true)
              .describe("Whether a conversation ends only with a confirmed ticket link"),
            firstAnswerSeconds: z
              .int()
              .min(0)
              .max(86_400)
              .default(0)
              .describe(
                "Back to the queue, not to the same agent, where the agent did not answer for so long; 0: never",
              ),
            followUpSeconds: z
              .int()
              .min(0)
              .max(86_400)
              .default(300)
              .describe(
                "How long after closing what the customer writes goes to the same agent, without a turn and with the " +
                  "same ticket; 0: not at all",
              ),
            absentRequeueSeconds: z
              .int()
              .min(0)
              .max(86_400)
              .default(0)
              .describe("Back to the queue where the agent's presence lapsed so long ago; 0: it stays"),
          }),
        )
        .max(1000)
        .default([]),
      agents: z
        .array(
          z.object({
            id,
            name,
            role: z.enum(ROLE_NAMES).default("agent"),
            capacity: z.int().min(0).max(100_000).nullable().default(null),
            groupIds: z
              .array(id)
              .max(100)
              .default([])
              .describe("All its groups. What it has in a group that it leaves goes back to the group's queue"),
            active: z
              .boolean()
              .optional()
              .describe(
                "False deactivates it: nothing is done by it or for it, it leaves all groups, and its active conversations go " +
                  "back to their queues. True reactivates it, away. Left out, it stays as it is",
              ),
            handOverTo: id
              .optional()
              .describe("Gets its active conversations of the groups that it leaves, instead of their queues"),
            force: z
              .boolean()
              .default(false)
              .describe("Hands over although the receiver is away, absent, full or no member"),
          }),
        )
        .max(1000)
        .default([]),
      channels: z
        .array(
          z.object({
            id,
            phoneNumberId: z.string().regex(/^[0-9A-Za-z_-]{1,64}$/),
            accountId: z
              .string()
              .regex(/^[0-9A-Za-z_-]{1,64}$/)
              .nullable()
              .default(null)
              .describe("Meta's account (WABA) id, whose templates may be sent on this channel"),
            name,
            groupId: id,
          }),
        )
        .max(1000)
        .default([]),
    }),
    answer: z.object({ groups: z.int(), agents: z.int(), channels: z.int() }),
  },
} as const;
