import { WORD_KINDS } from "@turno/conversation";
import { z } from "zod";

const id = z.uuid();

/** Whether the database and every consumer can hold a text: it has no U+0000 and no half of a surrogate pair. */
export const isStorable = (value: string): boolean => !value.includes("\u0000") && value.isWellFormed();
export const STORABLE_RULE = "must be well-formed text without U+0000";

/** Who did something: an agent (or operator, or admin), another program, or Turno by a rule of its own. */
export const actorSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("agent"), agentId: id }),
  z.object({ kind: z.literal("service"), name: z.string().min(1).max(100).refine(isStorable, STORABLE_RULE) }),
  z.object({ kind: z.literal("system") }),
]);
export type Actor = z.infer<typeof actorSchema>;

/** Why an agent got a conversation: the rule, the other candidates, and who was left out and why. */
export const assignmentReasonSchema = z.object({
  rule: z.enum(["turn", "returning", "follow-up", "claim", "transfer", "template"]),
  /** The number of the turn in the group, or null where no turn was taken. */
  turn: z.number().int().nullable(),
  candidates: z.array(id).describe("Eligible agents, longest-ago turn first: the first of them, at most 20"),
  leftOut: z
    .array(z.object({ agentId: id, why: z.enum(["away", "absent", "full", "requeued-from"]) }))
    .describe("Members who were not eligible: some of them, at most 20"),
  isCut: z
    .literal(true)
    .optional()
    .describe("Stands where there were, or may have been, more candidates or more left out than are named"),
});
export type AssignmentReason = z.infer<typeof assignmentReasonSchema>;

/** By what a contact is known when a conversation with it opens. */
export const namedContactSchema = z.object({
  name: z.string().nullable(),
  username: z.string().nullable(),
  phone: z.string().nullable(),
  userId: z.string().nullable(),
});

/** What every event of a conversation names. */
export const ofConversation = {
  conversationId: id,
  channelId: id,
  phoneNumberId: z.string(),
  contactId: id,
};

/** What each event of a message of ours has. */
export const sendData = z.object({
  ...ofConversation,
  sendId: id,
  wamid: z.string().nullable(),
  changedAt: z.iso.datetime().describe("Meta's timestamp for a delivery status, ours otherwise"),
});

/** Stands in the event of a message that a group says on its own. */
export const automatic = z
  .enum(WORD_KINDS)
  .optional()
  .describe("Which of a group's automatic words it is; left out where somebody asked for it");

export const waitingSince = z.iso
  .datetime()
  .nullable()
  .optional()
  .describe("Since when the customer waits for a person's answer, by Meta's timestamp; null where nothing waits");

export const ticketLinkData = z.object({
  ...ofConversation,
  ticketId: id,
  ticketNumber: z.number().int(),
  actor: actorSchema,
});
