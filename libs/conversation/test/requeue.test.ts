import { describe, expect, it } from "vitest";
import { isHeldBack, requeueCause, type HeldSince, type RequeueLimits } from "../src/index.ts";

const at = (second: number) => new Date(Date.UTC(2026, 10, 23, 10, 0, second));
/** An agent got at 0 what had waited before, and has its screen open until 40. */
const held: HeldSince = {
  assignedAt: at(0),
  offeredUntil: null,
  waitingNotedAt: at(-5),
  wroteAt: at(-6),
  awaySince: null,
  presentUntil: at(40),
};
const answered = { ...held, waitingNotedAt: null };
const group: RequeueLimits = {
  presence: "required",
  firstAnswerSeconds: 10,
  answerSeconds: 20,
  absentRequeueSeconds: 5,
  whenAway: "keep",
};

describe("a conversation goes back to the queue", () => {
  it("when its agent did not accept it in time; until then nothing else counts", () => {
    const offered = { ...held, offeredUntil: at(30) };
    expect([29, 30].map((second) => requeueCause(offered, group, at(second)))).toEqual([null, "not-accepted"]);
  });

  it("at the instant at which the first answer is due, and not before", () => {
    expect(requeueCause(held, group, at(9))).toBeNull();
    expect(requeueCause(held, group, at(10))).toBe("no-first-answer");
  });

  it("when a later message was not answered for as long as the group allows, from when it came", () => {
    const later = { ...held, waitingNotedAt: at(7) };
    expect([26, 27].map((second) => requeueCause(later, group, at(second)))).toEqual([null, "no-answer"]);
    expect(requeueCause(later, { ...group, answerSeconds: 0 }, at(30))).toBeNull();
  });

  it("never for want of an answer that was given, nor where the group sets no limit", () => {
    expect(requeueCause(answered, group, at(40))).toBeNull();
    expect(requeueCause(held, { ...group, firstAnswerSeconds: 0 }, at(40))).toBeNull();
  });

  it("when its agent's presence lapsed long enough ago, where the group counts presence and sets a limit", () => {
    for (const presence of ["required", "counted"] as const) {
      const causes = [44, 45].map((second) => requeueCause(answered, { ...group, presence }, at(second)));
      expect(causes).toEqual([null, "agent-absent"]);
    }
    expect(requeueCause(answered, { ...group, presence: "ignored" }, at(50))).toBeNull();
    expect(requeueCause(answered, { ...group, absentRequeueSeconds: 0 }, at(50))).toBeNull();
  });

  it("not before an agent who was given it while absent had as long as one whose presence lapses", () => {
    const forced = { ...answered, assignedAt: at(30), presentUntil: null };
    expect(requeueCause(forced, group, at(34))).toBeNull();
    expect(requeueCause(forced, group, at(35))).toBe("agent-absent");
    expect(requeueCause(forced, { ...group, presence: "counted" }, at(50))).toBeNull();
  });

  it("by the group's choice when its agent is away: never, after a while, or when the customer writes", () => {
    const away = { ...answered, awaySince: at(20) };
    const causes = (whenAway: RequeueLimits["whenAway"], second: number, of: HeldSince = away) =>
      requeueCause(of, { ...group, presence: "ignored", whenAway }, at(second));
    expect(causes("keep", 59)).toBeNull();
    expect([24, 25].map((second) => causes("requeue", second))).toEqual([null, "agent-absent"]);
    expect(causes("customer-writes", 39)).toBeNull();
    expect(causes("customer-writes", 31, { ...away, waitingNotedAt: at(30) })).toBe("customer-wrote");
    // Also where an earlier message still waits: the limit counts from that one, but the customer has written again.
    expect(causes("customer-writes", 31, { ...away, waitingNotedAt: at(15), wroteAt: at(30) })).toBe("customer-wrote");
    expect(causes("customer-writes", 31, { ...away, waitingNotedAt: at(19) })).toBeNull();
    expect(causes("customer-writes", 31, { ...away, awaySince: null, waitingNotedAt: at(30) })).toBeNull();
  });
});

it("a conversation is given to nobody any more when it went back as often as the group lets it", () => {
  expect([2, 3, 4].map((lapses) => isHeldBack(lapses, 3))).toEqual([false, true, true]);
  expect(isHeldBack(100, 0)).toBe(false);
});
