import { expect, it } from "vitest";
import { writeConversation } from "../src/console/conversation.ts";
import { createFormWriter } from "../src/console/form.ts";
import type { ShownConversation, Page } from "../src/console/read-page.ts";
import type { ConversationView } from "../src/lists/conversation-row.ts";
import type { MessageView } from "../src/lists/message-rows.ts";
import { describeWaiting } from "../src/console/words.ts";

const AT = "2026-01-01T10:00:00.000Z";

const CONVERSATION: ConversationView = {
  id: "c",
  state: "active",
  groupId: "g",
  agentId: "a",
  contact: { id: "k", name: "Eva", username: null, phone: null, blockedAt: null, actions: [] },
  channel: { id: "n", phoneNumberId: "123", name: "Main" },
  openedAt: AT,
  queuedAt: AT,
  assignedAt: AT,
  waitedMs: null,
  lapses: 0,
  waitingSince: null,
  unansweredMs: null,
  sessionEndsAt: null,
  sessionLeftMs: null,
  continuesConversationId: null,
  continuedById: null,
  offeredUntil: null,
  ticket: null,
  actions: [],
};

const PAGE: Page = {
  me: {
    agentId: "a",
    role: "agent",
    scopes: {
      read: "none",
      claim: ["g"],
      "list-queue": ["g"],
      "set-availability": "none",
      "join-contacts": "none",
      "start-conversation": ["g"],
    },
  },
  groups: [],
  queues: new Map(),
  outsideHours: new Map(),
  active: [],
  expired: [],
  opened: null,
  screen: null,
  first: null,
  query: {},
  refused: null,
};

async function show(send: MessageView["send"]): Promise<string> {
  const unchanged = { editedAt: null, originalText: null, deletedAt: null };
  const said = { kind: "text", text: "Hola", content: { type: "text", text: { body: "Hola" } } };
  const message: MessageView = { id: "m", direction: "out", sentAt: AT, wamid: null, send, ...said, ...unchanged };
  const opened: ShownConversation = {
    conversation: CONVERSATION,
    messages: [message],
    receivers: [],
    hasOlder: false,
    ticket: null,
    found: null,
    templates: null,
    unreadTemplates: null,
    history: null,
    whyWaiting: null,
  };
  return String(await writeConversation(PAGE, opened, createFormWriter(null)));
}

it("says of automatic words that nobody of the business wrote them", async () => {
  const send = { id: "s", state: "delivered" as const, error: null, agentName: null };
  expect(await show({ ...send, automatic: "greeting" })).toContain("Us, automatically: ");
  expect(await show({ ...send, automatic: null })).not.toContain("automatically");
});

it("says until when a conversation waits because its group does not work", () => {
  const why = { position: 2, waitedMs: 0, distribution: "automatic" as const, isHeldBack: false, members: [] };
  const names = { agent: String, group: String };
  expect(describeWaiting({ ...why, outsideHours: { until: "2026-11-30T08:00:00.000Z" } }, names)).toBe(
    "Number 2 in the queue. It waits outside business hours until 2026-11-30 08:00 UTC.",
  );
  expect(describeWaiting({ ...why, outsideHours: null }, names)).not.toContain("business hours");
});

it.each([
  ["waiting", "waits to be sent"],
  ["sending", "is being sent"],
  ["delivered", "delivered"],
] as const)("a message that is %s reads as “%s”", async (state, words) => {
  expect(await show({ id: "s", state, error: null, agentName: "Ana", automatic: null })).toContain(
    ` · ${words}</small>`,
  );
});
