import { describe, expect, it } from "vitest";
import { canFollowUp, isFollowUp } from "../src/index.ts";

const closedAt = new Date("2026-11-27T10:00:00Z");
const closing = { conversationId: "c", groupId: "g", agentId: "ana", closedAt, ticket: null, followUpSeconds: 300 };
const later = (seconds: number) => new Date(closedAt.getTime() + seconds * 1000);
const ana = { agentId: "ana", availability: "available" as const, capacity: 1, activeCount: 1, presentUntil: null };

describe("what follows a closing", () => {
  it("is what comes before the group's time has passed, and nothing where the group gives it none", () => {
    expect([0, 299.999, 300].map((seconds) => isFollowUp(closing, later(seconds)))).toEqual([true, true, false]);
    expect(isFollowUp({ ...closing, followUpSeconds: 0 }, later(0))).toBe(false);
  });

  it("is for an agent who is there, full or not", () => {
    expect(canFollowUp(ana, "ignored", closedAt)).toBe(true);
    expect(canFollowUp({ ...ana, availability: "away" }, "ignored", closedAt)).toBe(false);
    expect(canFollowUp(ana, "required", closedAt)).toBe(false);
    expect(canFollowUp({ ...ana, presentUntil: later(60) }, "required", closedAt)).toBe(true);
  });
});
