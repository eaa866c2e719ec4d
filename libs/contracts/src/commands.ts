import { z } from "zod";
import { actorSchema, assignmentReasonSchema } from "./events.ts";
import { outgoingMessageSchema } from "./outgoing-message.ts";

const id = z.uuid();
const actor = actorSchema.describe("Who asks");
const name = z.string().trim().min(1).max(100);
const limit = z.int().min(1).max(200).default(50);

const waiting = z.object({
  conversationId: id,
  contactId: id,
  contactName: z.string().nullable(),
  phoneNumberId: z.string(),
  position: z.int().min(1),
  waitedMs: z.int().min(0),
});
const deadLetter = z.object({
  id,
  key: z.string(),
  cause: z.string(),
  field: z.string(),
  setAsideAt: z.iso.datetime(),
});

/** Every command: who answers it, what it asks and what it answers. `{ok: true, …answer}` or `{refusal}` comes back. */
export const COMMANDS = {
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
          }),
        )
        .max(1000)
        .default([]),
      agents: z
        .array(
          z.object({
            id,
            name,
            role: z.enum(["agent", "operator", "admin"]).default("agent"),
            capacity: z.int().min(0).max(100_000).nullable().default(null),
            groupIds: z.array(id).max(100).default([]),
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
  "set-availability": {
    service: "router",
    summary: "An agent becomes available or goes away, and may set how many conversations it takes at once.",
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
      reason: z.string().trim().min(1).max(1000).optional(),
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
    answer: z.object({ total: z.int(), waiting: z.array(waiting) }),
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
      members: z.array(z.object({ agentId: id, why: z.enum(["eligible", "away", "absent", "full", "requeued-from"]) })),
    }),
  },
  send: {
    service: "session-tracker",
    summary:
      "Sends a message on a conversation. Free form only while the session is open; on an expired conversation a template, " +
      "which opens a new active conversation.",
    request: z.object({ actor, agentId: id, conversationId: id, message: outgoingMessageSchema }),
    answer: z.object({
      sendId: id,
      conversationId: id.describe("The conversation it went into: a new one for a template on an expired conversation"),
      sessionEndsAt: z.iso.datetime().nullable(),
    }),
  },
  "list-templates": {
    service: "session-tracker",
    summary: "The templates that may be sent on a channel, with status, category and quality.",
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
    }),
  },
  "list-circuits": {
    service: "sender",
    summary: "Where sending is stopped, and why: a token, an account or a number.",
    request: z.object({ actor }),
    answer: z.object({
      circuits: z.array(
        z.object({
          scope: z.enum(["token", "account", "number"]),
          key: z.string(),
          code: z.int(),
          reason: z.string(),
          openedAt: z.iso.datetime(),
        }),
      ),
    }),
  },
  "reset-circuit": {
    service: "sender",
    summary: "Lets sending go on after its cause is mended.",
    request: z.object({ actor, scope: z.enum(["token", "account", "number"]), key: z.string().min(1).max(200) }),
    answer: z.object({ scope: z.string(), key: z.string() }),
  },
  "list-dead-letters": {
    service: "router",
    summary: "Updates that were set aside because they cannot take effect, with the cause.",
    request: z.object({ actor, limit }),
    answer: z.object({ total: z.int(), deadLetters: z.array(deadLetter) }),
  },
  "retry-dead-letter": {
    service: "router",
    summary: "Tries a dead letter again, now that its cause is mended.",
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

export type CommandVerb = keyof typeof COMMANDS;
export type CommandRequest<V extends CommandVerb> = z.output<(typeof COMMANDS)[V]["request"]>;
/** What a caller writes: defaults may be left out. */
export type CommandInput<V extends CommandVerb> = z.input<(typeof COMMANDS)[V]["request"]>;
export type CommandAnswer<V extends CommandVerb> = z.output<(typeof COMMANDS)[V]["answer"]>;

/** A rule said no. `code` is stable; `message` says what happened, why and what to do; `details` names who and when. */
export const refusalSchema = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type Refusal = z.infer<typeof refusalSchema>;

export type CommandReply<V extends CommandVerb> = ({ ok: true } & CommandAnswer<V>) | { refusal: Refusal };
