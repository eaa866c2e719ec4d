import { z } from "zod";
import { assignmentReasonSchema } from "../event-parts.ts";
import { actor, id, limit, text } from "./fields.ts";

const waiting = z.object({
  conversationId: id,
  contactId: id,
  contactName: z.string().nullable(),
  phoneNumberId: z.string(),
  position: z.int().min(1),
  waitedMs: z.int().min(0),
  waitingSince: z.iso
    .datetime()
    .nullable()
    .describe("Meta's time of the customer's oldest message that no person answered"),
  isHeldBack: z
    .boolean()
    .describe("Whether it went back unanswered so often that nobody is given it: somebody must claim or transfer it"),
});

const outsideHours = z
  .object({ until: z.iso.datetime().nullable().describe("Null where they never begin again") })
  .nullable()
  .describe("Set while the group does not work: nobody is given what waits, and anybody of it may claim it");

/** Commands about who is there, who has what, and why. */
export const assignmentCommands = {
  "set-availability": {
    service: "router",
    summary:
      "An agent becomes available or goes away. An operator of one of its groups or an admin may also set how many " +
      "conversations it takes at once.",
    request: z.object({
      actor,
      agentId: id,
      availability: z.enum(["available", "away"]),
      capacity: z.int().min(0).max(100_000).nullable().optional(),
    }),
    answer: z.object({ agentId: id, availability: z.enum(["available", "away"]), capacity: z.int().nullable() }),
  },
  heartbeat: {
    service: "router",
    summary: "An agent's screen is open: the group's presence rule counts from here.",
    request: z.object({ actor, agentId: id }),
    answer: z.object({ presentUntil: z.iso.datetime() }),
  },
  accept: {
    service: "router",
    summary: "An agent accepts the conversation that is offered to it, and works on it from then on.",
    request: z.object({ actor, agentId: id, conversationId: id }),
    answer: z.object({ conversationId: id, agentId: id, acceptedAt: z.iso.datetime() }),
  },
  decline: {
    service: "router",
    summary: "An agent declines the conversation that is offered to it: it goes to somebody else while there is one.",
    request: z.object({ actor, agentId: id, conversationId: id, reason: text(1000).min(1).optional() }),
    answer: z.object({ conversationId: id }),
  },
  claim: {
    service: "router",
    summary: "An agent takes one waiting conversation. Of several who claim it, one gets it.",
    request: z.object({ actor, agentId: id, conversationId: id }),
    answer: z.object({ conversationId: id, assignmentId: id, agentId: id, assignedAt: z.iso.datetime() }),
  },
  "claim-next": {
    service: "router",
    summary: "An agent takes the conversation that has waited longest in a group of its own.",
    request: z.object({ actor, agentId: id, groupId: id.optional() }),
    answer: z.object({ conversationId: id, assignmentId: id, agentId: id, assignedAt: z.iso.datetime() }),
  },
  transfer: {
    service: "router",
    summary: "Gives a conversation to another agent, or to a group's queue.",
    request: z.object({
      actor,
      conversationId: id,
      to: z.union([z.object({ agentId: id, groupId: id.optional() }), z.object({ groupId: id })]),
      reason: text(1000).min(1).optional(),
      force: z.boolean().default(false),
    }),
    answer: z.object({
      conversationId: id,
      state: z.enum(["queued", "active"]),
      groupId: id,
      agentId: id.nullable(),
    }),
  },
  "list-queue": {
    service: "router",
    summary: "The conversations that wait in a group, longest first.",
    request: z.object({ actor, groupId: id, limit }),
    answer: z.object({ total: z.int(), waiting: z.array(waiting), outsideHours }),
  },
  "list-groups": {
    service: "router",
    summary: "Groups with how many wait, and their agents with availability and load.",
    request: z.object({ actor }),
    answer: z.object({
      groups: z.array(
        z.object({
          id,
          name: z.string(),
          distribution: z.enum(["automatic", "manual"]),
          waiting: z.int(),
          longestWaitMs: z.int().nullable(),
          agents: z.array(
            z.object({
              id,
              name: z.string(),
              availability: z.enum(["available", "away"]),
              active: z.int(),
              capacity: z.int().nullable(),
            }),
          ),
        }),
      ),
    }),
  },
  "explain-assignment": {
    service: "router",
    summary: "Why this agent: each assignment of a conversation with its reason, newest first.",
    request: z.object({ actor, conversationId: id }),
    answer: z.object({
      assignments: z.array(
        z.object({ assignmentId: id, agentId: id, assignedAt: z.iso.datetime(), reason: assignmentReasonSchema }),
      ),
    }),
  },
  "explain-waiting": {
    service: "router",
    summary: "Why a conversation still waits: its position, and what keeps each member of the group from it.",
    request: z.object({ actor, conversationId: id }),
    answer: z.object({
      position: z.int(),
      waitedMs: z.int(),
      distribution: z.enum(["automatic", "manual"]),
      isHeldBack: z.boolean().describe("Whether it went back unanswered so often that nobody is given it any more"),
      outsideHours,
      members: z.array(z.object({ agentId: id, why: z.enum(["eligible", "away", "absent", "full", "requeued-from"]) })),
    }),
  },
} as const;
