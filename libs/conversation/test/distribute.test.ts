import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distribute, distributeInGroups, type Member, type WaitingConversation } from "../src/index.ts";

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
    lapsedAgentIds: [],
    lapsedAt: null,
    ...given,
  }));
}

const none = { isWhole: true, others: [] };
const settings = {
  ...none,
  rotation: { turn: 0, roundTurn: 0 },
  presence: "ignored" as const,
  returningWaitMs: 0,
  now,
};

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
      { presence: "required" },
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

  it("with the front of the rotation only, gives each of them one turn, and names as candidates those it knows", () => {
    const front = [
      member("a", { lastTurn: 1 }),
      member("b", { lastTurn: 2, availability: "away" }),
      member("c", { lastTurn: 3 }),
    ];
    const { assignments, ineligible, hasRoom } = given(front, waiting(4), {
      isWhole: false,
      rotation: { turn: 9, roundTurn: 1 },
    });
    expect(assignments.map(({ agentId }) => agentId)).toEqual(["a", "c"]);
    expect(assignments[1]?.reason).toEqual({
      rule: "turn",
      turn: 11,
      candidates: ["c"],
      leftOut: [{ agentId: "b", why: "away" }],
      isCut: true,
    });
    expect({ ineligible, hasRoom }).toEqual({ ineligible: ["b"], hasRoom: true });
  });

  it("gives a returning customer its last agent also from behind the front, where its turn of the round is left", () => {
    const front5 = { isWhole: false, rotation: { turn: 9, roundTurn: 5 } };
    const own = (lastTurn: number) => ({ ...front5, others: [member("own", { lastTurn })] });
    const customer = waiting(1, { returningAgentId: "own" });
    const front = [member("a", { lastTurn: 1 })];
    expect(given(front, customer, own(4)).assignments).toMatchObject([
      { agentId: "own", reason: { rule: "returning" } },
    ]);
    expect(given(front, customer, own(5)).assignments).toMatchObject([{ agentId: "a", reason: { rule: "turn" } }]);
  });

  it("says in a reason that it names some only, of candidates or of those who are left out", () => {
    const isCut = (free: number, away: number) => {
      const names = (count: number, name: string) => Array.from({ length: count }, (_, index) => `${name}${index}`);
      const members = names(free, "f").map((id) => member(id));
      const others = names(away, "w").map((id) => member(id, { availability: "away" }));
      const [assignment] = given(members, waiting(1), { others }).assignments;
      expect(assignment?.reason.candidates).toHaveLength(Math.min(free, 20));
      expect(assignment?.reason.leftOut).toHaveLength(Math.min(away, 20));
      return assignment?.reason.isCut;
    };
    expect([isCut(20, 20), isCut(21, 20), isCut(20, 21)]).toEqual([undefined, true, true]);
  });

  it("is fair among 5,000 agents of whom it sees the front only, whatever becomes full, rests and comes back", () => {
    const step = fc.record({ size: fc.integer({ min: 30, max: 70 }), fills: fc.integer({ min: 0, max: 60 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 150, maxLength: 200 }), (steps) => {
        let rotation = { turn: 5_000, roundTurn: 1 };
        const group = Array.from({ length: 5_000 }, (_, index) =>
          member(String(index).padStart(4, "0"), { lastTurn: index + 1 }),
        );
        const byId = new Map(group.map((one) => [one.agentId, one]));
        const counts = new Map(group.map(({ agentId }) => [agentId, 0]));
        const flipped = new Set<string>();
        const resting = new Set<string>();
        let inOrder = group;
        for (const { size, fills } of steps) {
          for (const one of inOrder.slice(0, 3 * fills).filter((_, index) => index % 3 === 0)) {
            one.availability = one.availability === "away" ? "available" : "away";
            resting.delete(one.agentId);
            flipped.add(one.agentId);
          }
          let left = waiting(size);
          while (left.length > 0) {
            const members = inOrder.filter(({ agentId }) => !resting.has(agentId)).slice(0, left.length + 20);
            const result = given(members, left, { isWhole: false, rotation });
            rotation = result.rotation;
            for (const agentId of result.ineligible) resting.add(agentId);
            for (const { agentId, reason } of result.assignments) {
              const agent = byId.get(agentId);
              if (agent !== undefined) agent.lastTurn = reason.turn;
              counts.set(agentId, (counts.get(agentId) ?? 0) + 1);
            }
            left = left.slice(result.assignments.length);
            const taken = new Set(result.assignments.map(({ agentId }) => agentId));
            inOrder = [
              ...inOrder.filter(({ agentId }) => !taken.has(agentId)),
              ...result.assignments.flatMap(({ agentId }) => byId.get(agentId) ?? []),
            ];
          }
        }
        const steady = [...counts].filter(([agentId]) => !flipped.has(agentId)).map(([, count]) => count);
        expect(Math.max(...steady) - Math.min(...steady)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 5 },
    );
  });

  it("of an agent of several groups, fills its one capacity, whichever group comes first", () => {
    const both = { ...settings, members: [member("a", { capacity: 3, activeCount: 1 })], waiting: waiting(5) };
    const alone = { ...settings, members: [member("b")], waiting: waiting(1) };
    const counts = distributeInGroups([both, alone, both]).map(({ assignments }) => assignments.length);
    expect(counts).toEqual([2, 1, 0]);
  });
});

function flip(one: Member): Member {
  return { ...one, availability: one.availability === "away" ? "available" : "away" };
}

function withTurns(members: Member[], assignments: ReturnType<typeof distribute>["assignments"]): Member[] {
  const turns = new Map(assignments.map(({ agentId, reason }) => [agentId, reason.turn]));
  return members.map((one) => ({ ...one, lastTurn: turns.get(one.agentId) ?? one.lastTurn }));
}
