import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distribute, type Member, type WaitingConversation } from "../src/index.ts";

const now = new Date("2026-11-23T10:00:00Z");

function member(agentId: string, given: Partial<Member> = {}): Member {
  return {
    agentId,
    availability: "available",
    capacity: null,
    activeCount: 0,
    presentUntil: null,
    lastTurn: 0,
    ...given,
  };
}

function waiting(count: number, given: Partial<WaitingConversation> = {}): WaitingConversation[] {
  return Array.from({ length: count }, (_, index) => ({
    conversationId: `c${index}`,
    queuedAt: new Date(now.getTime() - (count - index)),
    returningAgentId: null,
    requeuedFromAgentId: null,
    ...given,
  }));
}

const settings = { rotation: { turn: 0, roundTurn: 0 }, needsPresence: false, returningWaitMs: 0, now };

const given = (members: Member[], queue: WaitingConversation[], more: Partial<Parameters<typeof distribute>[0]> = {}) =>
  distribute({ ...settings, members, waiting: queue, ...more });

describe("distribute", () => {
  it("gives the oldest waiting first, each to the agent whose last turn is longest ago", () => {
    const { assignments } = given(
      [member("b", { lastTurn: 2 }), member("a", { lastTurn: 3 }), member("c", { lastTurn: 1 })],
      waiting(4),
      {
        rotation: { turn: 3, roundTurn: 1 },
      },
    );
    expect(assignments.map(({ conversationId, agentId }) => [conversationId, agentId])).toEqual([
      ["c0", "c"],
      ["c1", "b"],
      ["c2", "a"],
      ["c3", "c"],
    ]);
  });

  it("leaves out who is away, absent or full, and says why", () => {
    const { assignments } = given(
      [
        member("away", { availability: "away", presentUntil: new Date(now.getTime() + 1) }),
        member("absent", { presentUntil: new Date(now.getTime() - 1) }),
        member("full", { capacity: 2, activeCount: 2, presentUntil: now }),
        member("free", { presentUntil: now }),
      ],
      waiting(1),
      { needsPresence: true },
    );
    expect(assignments[0]).toMatchObject({ agentId: "free", reason: { rule: "turn", turn: 1, candidates: ["free"] } });
    expect(assignments[0]?.reason.leftOut.toSorted((a, b) => a.agentId.localeCompare(b.agentId))).toEqual([
      { agentId: "absent", why: "absent" },
      { agentId: "away", why: "away" },
      { agentId: "full", why: "full" },
    ]);
  });

  it("never goes above a capacity, and leaves the rest waiting", () => {
    const { assignments } = given([member("a", { capacity: 2 }), member("b", { capacity: 1 })], waiting(10));
    expect(assignments.map(({ agentId }) => agentId)).toEqual(["a", "b", "a"]);
  });

  it("does not give a conversation back to the agent it came from", () => {
    expect(given([member("a")], waiting(1, { requeuedFromAgentId: "a" })).assignments).toEqual([]);
    const { assignments } = given([member("a"), member("b")], waiting(1, { requeuedFromAgentId: "a" }));
    expect(assignments[0]).toMatchObject({
      agentId: "b",
      reason: { leftOut: [{ agentId: "a", why: "requeued-from" }] },
    });
  });

  it("gives a returning customer its last agent where that agent has its turn of the round left", () => {
    const { assignments } = given([member("a"), member("b"), member("c")], waiting(2, { returningAgentId: "c" }));
    expect(assignments.map(({ agentId, reason }) => [agentId, reason.rule])).toEqual([
      ["c", "returning"],
      ["a", "turn"],
    ]);
  });

  it("lets a returning customer wait for its full agent no longer than the group allows", () => {
    const members = [member("own", { capacity: 1, activeCount: 1 }), member("other")];
    const queue = waiting(1, { returningAgentId: "own", queuedAt: new Date(now.getTime() - 5_000) });
    const still = given(members, queue, { returningWaitMs: 6_000 });
    expect(still.assignments).toEqual([]);
    expect(still.deferredUntil).toEqual(new Date(now.getTime() + 1_000));
    expect(given(members, queue, { returningWaitMs: 5_000 }).assignments[0]).toMatchObject({ agentId: "other" });
  });

  it("earns who comes back from away one early turn at most, not what it missed", () => {
    let rotation = { turn: 0, roundTurn: 0 };
    let members = [member("a"), member("b"), member("c", { availability: "away" })];
    const counts = new Map<string, number>();
    const round = (size: number) => {
      const result = given(members, waiting(size), { rotation });
      rotation = result.rotation;
      members = withTurns(members, result.assignments);
      for (const { agentId } of result.assignments) counts.set(agentId, (counts.get(agentId) ?? 0) + 1);
    };
    round(20);
    members = members.map((one) => (one.agentId === "c" ? { ...one, availability: "available" } : one));
    counts.clear();
    round(9);
    expect([...counts.values()]).toEqual([3, 3, 3]);
  });

  it("keeps the counts of agents that stay eligible within one, whatever returns, comes and goes", () => {
    const step = fc.record({
      size: fc.integer({ min: 1, max: 7 }),
      flips: fc.boolean(),
      returning: fc.option(fc.constantFrom("a", "b", "c", "d", "visitor"), { nil: null }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        let rotation = { turn: 0, roundTurn: 0 };
        let members = ["a", "b", "c", "d", "visitor"].map((id) => member(id));
        const counts = new Map(["a", "b", "c", "d"].map((id) => [id, 0]));
        for (const { size, flips, returning } of steps) {
          if (flips) members = members.map((one) => (one.agentId === "visitor" ? flip(one) : one));
          const result = given(members, waiting(size, { returningAgentId: returning }), { rotation });
          expect(result.assignments).toHaveLength(size);
          rotation = result.rotation;
          members = withTurns(members, result.assignments);
          for (const { agentId } of result.assignments) {
            if (counts.has(agentId)) counts.set(agentId, (counts.get(agentId) ?? 0) + 1);
          }
        }
        expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2_000 },
    );
  });
});

function flip(one: Member): Member {
  return { ...one, availability: one.availability === "away" ? "available" : "away" };
}

function withTurns(members: Member[], assignments: ReturnType<typeof distribute>["assignments"]): Member[] {
  const turns = new Map(assignments.map(({ agentId, reason }) => [agentId, reason.turn]));
  return members.map((one) => ({ ...one, lastTurn: turns.get(one.agentId) ?? one.lastTurn }));
}
