import { describe, expect, it } from "vitest";
import { createDesk, type Desk } from "../src/demo/desk.ts";

const idOf = (number: number) => `0192f0c1-2b3c-7000-8000-${String(number).padStart(12, "0")}`;
const CONVERSATION = idOf(1);
const NEXT = idOf(2);
const GROUP = idOf(3);
const ANA = idOf(4);
const of = (conversationId: string) => ({
  conversationId,
  channelId: idOf(5),
  contactId: idOf(6),
  phoneNumberId: "123",
});
const contact = { name: null, username: null, phone: null, userId: null };
const reason = (rule: string) => ({ rule, turn: null, candidates: [], leftOut: [] });
const assigned = (id: string, rule: string) => ({
  type: "conversation.assigned",
  data: { ...of(id), groupId: GROUP, agentId: ANA, assignmentId: idOf(7), waitedMs: 0, reason: reason(rule) },
});
const received = (id: string) => ({
  type: "message.received",
  data: { ...of(id), messageId: idOf(8), kind: "text", sentAt: at, receivedAt: at, content: {} },
});
const at = "2026-11-24T00:00:00.000Z";
const opened = { type: "conversation.opened", data: { ...of(CONVERSATION), groupId: GROUP, contact } };
const expired = (id: string, agentId: string | null) => ({
  type: "conversation.expired",
  data: { ...of(id), expiredAt: at, agentId, ticketNumber: null },
});
const confirmed = (id: string) => ({
  type: "ticket.confirmed",
  data: { ...of(id), ticketId: idOf(9), ticketNumber: 1, cause: "created", actor: { kind: "system" } },
});
const reopened = {
  type: "conversation.reopened",
  data: { ...of(NEXT), groupId: GROUP, agentId: ANA, continuesConversationId: CONVERSATION },
};

/** A desk whose chances always fall on `luck`, and the steps that are due within a minute. */
function deskWith(luck: number, events: Parameters<Desk["note"]>[0][]) {
  let now = 0;
  const desk = createDesk({ random: () => luck, now: () => now, leaveShare: 0.2 });
  for (const event of events) desk.note(event);
  const dueSteps = () => {
    now += 60_000;
    return desk.takeDue(10).map(({ taken, step }) => [taken.conversationId, step]);
  };
  return { desk, dueSteps };
}

describe("what the demo's agents do next", () => {
  it("answers an assigned conversation once, and again when the customer writes", () => {
    const { desk, dueSteps } = deskWith(0.5, [opened, assigned(CONVERSATION, "turn"), received(CONVERSATION)]);
    expect(desk.activeOf(ANA)).toBe(1);
    expect(dueSteps()).toEqual([[CONVERSATION, "answer"]]);
    expect(dueSteps()).toEqual([]);
    desk.note(received(CONVERSATION));
    expect(dueSteps()).toEqual([[CONVERSATION, "answer"]]);
  });

  it("counts who waits where, so that agents of a manual group claim only what is there", () => {
    const { desk } = deskWith(0.5, [opened]);
    expect(desk.waitingIn(GROUP)).toBe(1);
    desk.note(assigned(CONVERSATION, "claim"));
    expect(desk.waitingIn(GROUP)).toBe(0);
  });

  it("sends a template on an expired conversation, waits for the customer in the new one, then ends the old one with its ticket", () => {
    const { desk, dueSteps } = deskWith(0.5, [opened, assigned(CONVERSATION, "turn"), expired(CONVERSATION, ANA)]);
    expect(dueSteps()).toEqual([[CONVERSATION, "template"]]);
    desk.note(reopened);
    desk.note(assigned(NEXT, "template"));
    expect(dueSteps()).toEqual([]);
    desk.note(received(NEXT));
    expect(dueSteps()).toEqual([[NEXT, "answer"]]);
    desk.note(confirmed(NEXT));
    expect(dueSteps()).toEqual([[CONVERSATION, "finalise"]]);
  });

  it("finalises what expired in a queue, and what expired again after a template", () => {
    const inQueue = deskWith(0.5, [opened, expired(CONVERSATION, null)]);
    expect(inQueue.dueSteps()).toEqual([[CONVERSATION, "finalise"]]);
    const again = deskWith(0.5, [opened, assigned(CONVERSATION, "turn"), expired(CONVERSATION, ANA), reopened]);
    again.desk.note(expired(NEXT, ANA));
    expect(again.dueSteps()).toEqual([[NEXT, "finalise"]]);
    again.desk.note(confirmed(NEXT));
    expect(again.dueSteps()).toEqual([[CONVERSATION, "finalise"]]);
  });
});
