import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { faultOf } from "../src/event-audit.ts";

const [id, agentId] = [randomUUID(), randomUUID()];
const place = { conversationId: agentId, channelId: agentId, phoneNumberId: "123", contactId: agentId };
const updated = { agentId, availability: "away", capacity: null, actor: { kind: "system" } };
const at = "2026-11-23T10:00:00.000Z";
const received = { ...place, messageId: agentId, kind: "text", sentAt: at, receivedAt: at };

it("takes events as services write them", () => {
  expect(faultOf({ id, type: "agent.updated", namesMessage: false, data: updated })).toBe(null);
  expect(faultOf({ id, type: "message.received", namesMessage: true, data: received })).toBe(null);
});

it.each([
  ["a field of another kind", "agent.updated", { ...updated, capacity: "2" }, "capacity"],
  ["a field that is missing", "agent.updated", { ...updated, actor: undefined }, "actor"],
  ["a field too many", "agent.updated", { ...updated, agent: agentId }, "agent"],
  ["a type without a contract", "agent.forgotten", updated, "no contract"],
  ["an instant that is none", "message.received", { ...received, sentAt: "yesterday" }, "sentAt"],
])("finds %s", (_, type, data, named) => {
  expect(faultOf({ id, type, namesMessage: type === "message.received", data })).toContain(named);
});

it("finds content without a message, and a message without content", () => {
  expect(faultOf({ id, type: "message.received", namesMessage: false, data: received })).toContain("no message");
  expect(faultOf({ id, type: "agent.updated", namesMessage: true, data: updated })).toContain("no content");
});
