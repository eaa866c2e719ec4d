import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distribute, LAPSE_REST_MS, type Deciding, type Member } from "../src/index.ts";

const SEED = Number(process.env["SEED"] ?? 20_261_127);
const now = new Date("2026-11-27T10:00:00Z");
const ago = (ms: number) => new Date(now.getTime() - ms);

const member = (agentId: string, lastTurn: number, given: Partial<Member> = {}): Member => ({
  agentId,
  availability: "available",
  capacity: null,
  activeCount: 0,
  presentUntil: null,
  lastTurn,
  ...given,
});

function deciding(members: Member[], lapsedAgentIds: string[], lapsedAt: Date | null): Deciding {
  const waiting = {
    conversationId: "c",
    queuedAt: ago(600_000),
    returningAgentId: null,
    requeuedFromAgentId: null,
    lapsedAgentIds,
    lapsedAt,
  };
  return {
    members,
    isWhole: true,
    others: [],
    waiting: [waiting],
    rotation: { turn: 9, roundTurn: 1 },
    presence: "ignored",
    returningWaitMs: 0,
    now,
  };
}

const givenTo = (...[members, lapsed, at]: Parameters<typeof deciding>) =>
  distribute(deciding(members, lapsed, at)).assignments[0]?.agentId ?? null;

describe(`who let a conversation lapse (seed ${SEED})`, () => {
  it("does not get it again while another member can take it, however many have let it lapse", () => {
    const members = [member("a", 1), member("b", 2), member("c", 3)];
    expect(givenTo(members, ["a"], ago(1))).toBe("b");
    expect(givenTo(members, ["a", "b"], ago(LAPSE_REST_MS))).toBe("c");
  });

  it("gets it again after a rest where nobody else can take it, and the last one to let it lapse comes last", () => {
    const members = [member("a", 1), member("b", 2), member("c", 3, { availability: "away" })];
    const early = distribute(deciding(members, ["b", "a"], ago(LAPSE_REST_MS - 1)));
    expect(early).toMatchObject({ assignments: [], deferredUntil: new Date(now.getTime() + 1) });
    expect(givenTo(members, ["b", "a"], ago(LAPSE_REST_MS))).toBe("b");
    expect(givenTo([member("a", 1)], ["a"], ago(LAPSE_REST_MS))).toBe("a");
  });

  it("nor does who gave it back while the customer waited for nothing: it comes back after the rest, if not to others", () => {
    const gone = (members: Member[], at: Date) => {
      const given = deciding(members, [], at);
      const waiting = given.waiting.map((one) => ({ ...one, requeuedFromAgentId: "a" }));
      return distribute({ ...given, waiting }).assignments[0]?.agentId ?? null;
    };
    expect(gone([member("a", 1), member("b", 2)], ago(LAPSE_REST_MS))).toBe("b");
    expect(gone([member("a", 1)], ago(LAPSE_REST_MS - 1))).toBeNull();
    expect(gone([member("a", 1)], ago(LAPSE_REST_MS))).toBe("a");
  });

  it("does not get it while members are not known who come before it", () => {
    const partly = { ...deciding([member("a", 1)], ["a"], ago(LAPSE_REST_MS)), isWhole: false };
    expect(distribute(partly)).toMatchObject({ assignments: [], deferredUntil: null });
  });

  it("is a rule for any agents and any lapses, and nothing waits for ever beside an agent who can take it", () => {
    const ids = ["a", "b", "c", "d"];
    const members = fc.array(fc.record({ lastTurn: fc.nat({ max: 8 }), isThere: fc.boolean() }), {
      minLength: 4,
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        members,
        fc.array(fc.constantFrom(...ids), { maxLength: 5 }),
        fc.boolean(),
        (given, lapsed, isRested) => {
          const all = given.map(({ lastTurn, isThere }, index) =>
            member(ids[index] ?? "", lastTurn, { availability: isThere ? "available" : "away" }),
          );
          const lapsedAt = lapsed.length === 0 ? null : ago(isRested ? LAPSE_REST_MS : 0);
          const { assignments, deferredUntil } = distribute(deciding(all, lapsed, lapsedAt));
          const able = all.filter(({ availability }) => availability === "available").map(({ agentId }) => agentId);
          const fresh = able.filter((id) => !lapsed.includes(id));
          const may = fresh.length > 0 ? fresh : isRested ? able : [];
          const got = assignments[0]?.agentId ?? null;
          expect(may.length === 0 ? got === null : may.includes(got ?? "")).toBe(true);
          // What waits for a rest says until when.
          expect(deferredUntil !== null).toBe(got === null && able.length > 0);
        },
      ),
      { seed: SEED, numRuns: 2_000 },
    );
  });
});
