import { ROLE_NAMES, SCOPE_NAMES, scopeOf, WORD_KINDS } from "@turno/conversation";
import { z } from "zod";
import { listChannels } from "../lists/list-channels.ts";
import { BY_WAITING, listConversations, type ListedState } from "../lists/list-conversations.ts";
import { listReceivers } from "../lists/list-receivers.ts";
import { readConversation, readMessages, readTimeline } from "../lists/read-conversation.ts";
import { reading, type ReadRoute } from "./route.ts";

const id = z.uuid();
const instant = z.iso.datetime();
const limit = z.coerce.number().pipe(z.int().min(1).max(200)).default(50);

const conversationSchema = z.object({
  id,
  state: z.enum(["queued", "active", "expired", "closed", "failed"]),
  groupId: id,
  agentId: id.nullable().describe("Who has it, or had it last"),
  contact: z.object({
    id,
    name: z.string().nullable(),
    username: z.string().nullable(),
    phone: z.string().nullable(),
    blockedAt: instant.nullable().describe("Since when it is blocked; null where it is not"),
    actions: z.array(z.enum(["block", "unblock"])).describe("What the caller can do with it now"),
  }),
  channel: z.object({ id, phoneNumberId: z.string(), name: z.string() }),
  openedAt: instant,
  queuedAt: instant,
  assignedAt: instant.nullable(),
  offeredUntil: instant.nullable().describe("Until when its agent may accept or decline it; null where it has it"),
  waitedMs: z.int().nullable().describe("Milliseconds in the queue; null where it does not wait"),
  lapses: z.int().describe("How often it went back to its queue since the customer last had an answer"),
  waitingSince: instant
    .nullable()
    .describe("Meta's time of the customer's oldest message that no person answered; null where none waits for that"),
  unansweredMs: z.int().nullable().describe("Milliseconds since then"),
  sessionEndsAt: instant.nullable().describe("Until when free-form messages may be sent"),
  sessionLeftMs: z.int().nullable().describe("Milliseconds until then; null where no session was opened"),
  continuesConversationId: id.nullable(),
  continuedById: id
    .nullable()
    .describe(
      "The conversation in which this one goes on: a template opened that, or its contact turned out to be this one's",
    ),
  ticket: z.object({ id, number: z.int(), link: z.enum(["proposed", "confirmed"]) }).nullable(),
  actions: z.array(z.string()).describe("What the caller can do with it now"),
});

/** A place in a list: opaque to callers, a place in the order of an index to us: microseconds where that is by time, and an id. */
const CURSOR = /^(?:w?\d{1,17}\.)?[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
const encode = (cursor: string) => Buffer.from(cursor).toString("base64url");
const cursor = z
  .string()
  .max(200)
  .transform((text) => Buffer.from(text, "base64url").toString())
  .refine((text) => CURSOR.test(text), "is not a cursor that a page gave")
  .optional();

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

const me = reading("/v1/me", {
  tag: "People",
  summary: "Who the token says you are, with role and groups from our own tables, and in which groups you may do what.",
  answer: z.object({
    agentId: id,
    role: z.enum(ROLE_NAMES),
    groupIds: z.array(id),
    scopes: z
      .record(z.enum(SCOPE_NAMES), z.union([z.enum(["all", "none"]), z.array(id)]))
      .describe(
        "The groups in which the caller may do this: all, none, or these. `read` is about conversations that others have, " +
          "`set-availability` about other agents",
      ),
  }),
  read: async (_sql, asker) => {
    const { agentId, role, groupIds } = asker;
    return {
      agentId,
      role,
      groupIds,
      scopes: Object.fromEntries(SCOPE_NAMES.map((name) => [name, scopeOf(asker, name)])),
    };
  },
});

const receivers = reading("/v1/receivers", {
  tag: "People",
  summary: "Every group by name: to whose queue a conversation may be transferred.",
  answer: z.object({ groups: z.array(z.object({ id, name: z.string() })) }),
  read: (sql, asker) => listReceivers(sql, asker),
});

const writable = reading("/v1/channels", {
  tag: "Conversations",
  summary: "The channels on which the caller may write to a customer first.",
  answer: z.object({ channels: z.array(z.object({ id, name: z.string(), phoneNumberId: z.string() })) }),
  read: (sql, asker) => listChannels(sql, asker),
});

const list = reading("/v1/conversations", {
  tag: "Conversations",
  summary:
    "Conversations in a state: queued ones of own groups, longest wait first; others newest first: an agent's own, an " +
    "operator's groups', an admin's all. `after` goes on from a page's `next`.",
  query: z.strictObject({
    state: z.enum(["queued", "active", "expired", "closed"]).default("active"),
    groupId: id.optional(),
    agentId: id.optional(),
    order: z
      .literal("waitingSince")
      .optional()
      .describe("Of queued and active ones: whose customer has waited longest for an answer comes first"),
    after: cursor,
    limit,
  }),
  answer: z.object({ conversations: z.array(conversationSchema), next: z.string().nullable() }),
  example: { state: "queued", limit: 10 },
  read: async (sql, asker, { given }) => {
    const after = text(given["after"]);
    const state = given["state"] as ListedState;
    const isByWaiting = given["order"] !== undefined;
    if (isByWaiting && state !== "queued" && state !== "active") {
      const message = `order: waitingSince is of queued and active conversations; ${state} ones wait for no answer.`;
      return { code: "invalid" as const, message };
    }
    const isByTime = isByWaiting || state === "queued";
    if (after !== null && (isByTime !== after.includes(".") || isByWaiting !== after.startsWith(BY_WAITING))) {
      return { code: "invalid" as const, message: "The cursor is of another list: begin at the first page." };
    }
    const page = await listConversations(sql, asker, {
      state,
      groupId: text(given["groupId"]),
      agentId: text(given["agentId"]),
      isByWaiting,
      after,
      limit: Number(given["limit"]),
    });
    return { ...page, next: page.next === null ? null : encode(page.next) };
  },
});

const one = reading("/v1/conversations/{conversationId}", {
  tag: "Conversations",
  summary: "A conversation with its ticket link, its session, and what can be done with it.",
  answer: conversationSchema,
  read: (sql, asker, { params }) => readConversation(sql, asker, String(params["conversationId"])),
});

const history = reading("/v1/conversations/{conversationId}/messages", {
  tag: "Conversations",
  summary: "A conversation's messages, newest first. `before` goes on from a page's `next`.",
  query: z.strictObject({ before: id.optional(), limit }),
  answer: z.object({
    messages: z.array(
      z.object({
        id,
        direction: z.enum(["in", "out"]),
        kind: z.string(),
        sentAt: instant,
        wamid: z.string().nullable().describe("Meta's id of a customer's message"),
        send: z
          .object({
            id,
            state: z.string(),
            error: z.unknown(),
            agentName: z.string().nullable(),
            automatic: z.enum(WORD_KINDS).nullable(),
          })
          .nullable()
          .describe(
            "Who sent one of ours, and how far it has come; `held`: Meta took it and assesses its quality first",
          ),
        text: z.string().describe("What it says, as a person reads it: after the last edit"),
        editedAt: instant.nullable().describe("When the customer last edited it"),
        originalText: z.string().nullable().describe("What it said before it was edited"),
        deletedAt: instant.nullable().describe("When the customer deleted it; what it said stays"),
        content: z.unknown().describe("The item as Meta sent it, or the body as Meta gets it"),
      }),
    ),
    next: id.nullable(),
  }),
  example: { limit: 20 },
  read: (sql, asker, { params, given }) =>
    readMessages(sql, asker, {
      conversationId: String(params["conversationId"]),
      before: text(given["before"]),
      limit: Number(given["limit"]),
    }),
});

const timeline = reading("/v1/conversations/{conversationId}/timeline", {
  tag: "Conversations",
  summary: "What happened to a conversation, in order, as the events that other programs get. `after` is a sequence.",
  query: z.strictObject({ after: z.coerce.number().pipe(z.int().min(0).max(2_147_483_647)).default(0), limit }),
  answer: z.object({
    entries: z.array(z.object({ id, type: z.string(), sequence: z.int(), occurredAt: instant, data: z.unknown() })),
    next: z.int().nullable(),
  }),
  example: { after: 0 },
  read: (sql, asker, { params, given }) =>
    readTimeline(sql, asker, {
      conversationId: String(params["conversationId"]),
      afterSequence: Number(given["after"]),
      limit: Number(given["limit"]),
    }),
});

/** What people read, straight from Postgres. */
export const READ_ROUTES: readonly ReadRoute[] = [me, receivers, writable, list, one, history, timeline];
