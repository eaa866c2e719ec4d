import { AWAY_CHOICES, ROLE_NAMES } from "@turno/conversation";
import { z } from "zod";
import { CONFIGURED_SECTIONS, configurationChangeSchema } from "../configuration-change.ts";
import { actor, id, name, text } from "./fields.ts";
import { hoursOfGroup } from "./group-hours.ts";

/** What an admin sets: groups, agents, memberships, channels, and where programs act. */
export const configurationCommands = {
  configure: {
    service: "router",
    summary:
      "Creates or changes groups, agents, memberships, channels and the groups of programs, all in one transaction; what is " +
      "not named stays.",
    request: z.object({
      actor,
      dryRun: z
        .boolean()
        .default(false)
        .describe(
          "Does all of it, answers what it changes, and takes it back: nothing is kept, and no event is written",
        ),
      complete: z
        .array(z.enum(CONFIGURED_SECTIONS))
        .max(CONFIGURED_SECTIONS.length)
        .default([])
        .describe(
          "Sections that name all there is. An agent that is not named there is deactivated, and a program acts nowhere. A " +
            "group or channel that is there and not named is refused, because it can never be removed",
        ),
      groups: z
        .array(
          z.object({
            id,
            name,
            distribution: z.enum(["automatic", "manual"]).default("automatic"),
            needsPresence: z
              .boolean()
              .default(false)
              .describe("Whether only agents with an open screen (`heartbeat`) get conversations"),
            countsPresence: z
              .boolean()
              .default(true)
              .describe("Whether who has ever had a screen open must have it open to get conversations"),
            returningWithinDays: z.int().min(0).max(365).default(0),
            returningWaitSeconds: z.int().min(0).max(86_400).default(0),
            closingNeedsTicket: z
              .boolean()
              .default(true)
              .describe("Whether a conversation ends only with a confirmed ticket link"),
            agentsMayCloseAsSpam: z
              .boolean()
              .default(false)
              .describe("Whether agents may close their own conversations as spam, without a ticket"),
            firstAnswerSeconds: z
              .int()
              .min(0)
              .max(86_400)
              .default(0)
              .describe(
                "Back to the queue, not to the same agent, where the agent did not answer what had waited for so long after " +
                  "getting it; 0: never",
              ),
            answerSeconds: z
              .int()
              .min(0)
              .max(86_400)
              .default(0)
              .describe("The same for each later message of the customer, from when it came; 0: never"),
            offerSeconds: z
              .int()
              .min(0)
              .max(3_600)
              .default(0)
              .describe(
                "How long an agent is offered a conversation, to accept or decline it; then it goes to the next one; 0: the " +
                  "agent has it at once",
              ),
            offersMissedMax: z
              .int()
              .min(0)
              .max(100)
              .default(3)
              .describe("Who lets so many offers in a row lapse is away; 0: never"),
            lapsesMax: z
              .int()
              .min(0)
              .max(100)
              .default(3)
              .describe(
                "After it went back so many times without an answer nobody is given it any more: it waits for somebody who " +
                  "claims it, and `conversation.unanswered` says so; 0: it is passed on for ever",
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
            whenAway: z
              .enum(AWAY_CHOICES)
              .default("keep")
              .describe(
                "What becomes of the open conversations of an agent who is away: it keeps them, they go back after " +
                  "`absentRequeueSeconds`, or each goes back when its customer writes",
              ),
            ...hoursOfGroup,
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
            email: z
              .email()
              .max(254)
              .toLowerCase()
              .nullable()
              .optional()
              .describe(
                "Who first signs in with this address, verified by an issuer, is this agent; null: nobody. Left out, it stays as " +
                  "it is",
              ),
            logins: z
              .array(z.object({ issuer: z.url().max(500), subject: text(255).min(1) }))
              .max(20)
              .optional()
              .describe(
                "As whom issuers know it: all of them, as `iss` and `sub`. Who is signed in with another one is signed out. Left " +
                  "out, they stay as they are, with those that a first sign-in has noted",
              ),
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
            ratePerSecond: z
              .int()
              .min(1)
              .max(10_000)
              .nullable()
              .default(null)
              .describe(
                "Meta's throughput of this number, in messages a second; null: the sender's `NUMBER_RATE_PER_SECOND`",
              ),
          }),
        )
        .max(1000)
        .default([]),
      programs: z
        .array(
          z.object({
            name: z
              .string()
              .regex(/^[0-9A-Za-z_-]{1,64}$/)
              .describe("The broker's user as which the program connects, and by which it names itself as the actor"),
            groupIds: z
              .union([z.literal("all"), z.array(id).max(1000)])
              .describe(
                "All groups in which it may act, or `all`. A program that was never named may act in none, and so does one " +
                  "whose list is empty",
              ),
          }),
        )
        .max(100)
        .default([]),
    }),
    answer: z.object({
      groups: z.int(),
      agents: z.int(),
      channels: z.int(),
      programs: z.int(),
      changes: z.array(configurationChangeSchema).describe("Everything that changes; empty where all is as asked"),
    }),
  },
} as const;
