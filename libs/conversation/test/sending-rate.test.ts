import { describe, expect, it } from "vitest";
import {
  afterSending,
  chooseSends,
  countFitting,
  nextFitAt,
  pausedUntil,
  tryWaitMs,
  type SendCandidate,
} from "../src/index.ts";

const rate = { intervalMs: 100, burst: 5 };

describe("the rate of a key", () => {
  it("lets a burst through, then one each interval, and never more than both allow in any span", () => {
    let fullAt: number | null = null;
    const sentAt: number[] = [];
    for (let now = 1_000; now < 4_000; now += 10) {
      // A pause of half a second lets the burst grow again.
      if (now > 2_000 && now < 2_500) continue;
      const count = countFitting(rate, fullAt, now);
      fullAt = afterSending(rate, fullAt, now, count);
      sentAt.push(...Array.from({ length: count }, () => now));
    }
    expect(sentAt.slice(0, 6)).toEqual([1_000, 1_000, 1_000, 1_000, 1_000, 1_100]);
    expect(sentAt.filter((at) => at === 2_500)).toHaveLength(5);
    for (const from of sentAt) {
      for (const to of sentAt.filter((at) => at >= from)) {
        const inSpan = sentAt.filter((at) => at >= from && at <= to).length;
        expect(inSpan).toBeLessThanOrEqual(rate.burst + Math.floor((to - from) / rate.intervalMs));
      }
    }
  });

  it("says from when the next one fits, to the millisecond", () => {
    const fullAt = afterSending(rate, null, 1_000, 5);
    const at = nextFitAt(rate, fullAt);
    expect([countFitting(rate, fullAt, at - 1), countFitting(rate, fullAt, at)]).toEqual([0, 1]);
  });

  it("lets nothing through before the end of a pause, and one message then", () => {
    const fullAt = pausedUntil(rate, 9_000);
    expect([8_999, 9_000, 9_100].map((now) => countFitting(rate, fullAt, now))).toEqual([0, 1, 2]);
  });
});

describe("the choice of what is sent next", () => {
  const candidate = (id: string, phoneNumberId: string, more: Partial<SendCandidate> = {}): SendCandidate => ({
    id,
    attempt: 1,
    conversationId: `conversation-${id}`,
    contactId: `contact-${id}`,
    phoneNumberId,
    marketing: null,
    accountId: null,
    kind: "text",
    body: {},
    userId: null,
    phone: null,
    pairFullAtMs: null,
    tries: [],
    conversation: { state: "active", sessionEndsAt: null, sessionClosedAt: null },
    requestedAt: new Date(0),
    now: new Date(0),
    ...more,
  });
  const given = {
    limit: 10,
    rates: { number: { intervalMs: 100, burst: 3 }, pair: rate },
    nowMs: 1_000,
    fullAtMs: new Map([["number:a", 0]]),
  };
  const ids = (candidates: SendCandidate[], more: Partial<typeof given> = {}) =>
    chooseSends(candidates, { ...given, ...more }).chosen.map(({ id }) => id);

  it("takes numbers in turn, so that a busy one does not hold up the others", () => {
    const candidates = [candidate("a1", "a"), candidate("a2", "a"), candidate("a3", "a"), candidate("b1", "b")];
    expect(ids(candidates, { limit: 2 })).toEqual(["a1", "b1"]);
  });

  it("holds back what is over the number's rate and says for how long", () => {
    const candidates = ["1", "2", "3", "4"].map((id) => candidate(id, "a"));
    const choice = chooseSends(candidates, given);
    expect(choice.chosen).toHaveLength(3);
    expect(choice.waitMs).toBe(100);
  });

  it("puts off a conversation whose pair is over its rate, and looks at those behind it", () => {
    const full = pausedUntil(rate, 1_400);
    const choice = chooseSends([candidate("1", "a", { pairFullAtMs: full }), candidate("2", "a")], given);
    expect(choice.chosen.map(({ id }) => id)).toEqual(["2"]);
    expect(choice.postponed).toEqual([{ conversationId: "conversation-1", ms: 400 }]);
    expect(choice.waitMs).toBe(0);
  });

  it("counts two conversations with the same contact as one pair, and a read receipt as none", () => {
    const last = { contactId: "same", pairFullAtMs: afterSending(rate, null, 1_000, 4) };
    const candidates = [
      candidate("1", "a", last),
      candidate("2", "a", last),
      candidate("3", "a", { ...last, kind: "read" }),
    ];
    expect(ids(candidates)).toEqual(["1", "3"]);
  });

  it("lets one message try an open circuit, a read receipt only where nothing else can, and one for several circuits", () => {
    const covered = { tries: ["token:t"] };
    const receipt = candidate("r", "a", { ...covered, kind: "read" });
    const both = candidate("1", "a", { tries: ["token:t", "number:a"] });
    const choice = chooseSends([receipt, both, candidate("2", "a", covered), candidate("3", "c")], given);
    expect(choice.chosen.map(({ id }) => id).toSorted()).toEqual(["1", "3"]);
    expect([...choice.tries]).toEqual([
      ["token:t", "1"],
      ["number:a", "1"],
    ]);
    expect(ids([receipt])).toEqual(["r"]);
  });
});

describe("the waits between the tries of an open circuit", () => {
  it("grow, are bounded, and are never shorter than the try's own lease", () => {
    const waits = { firstMs: 60_000, maxMs: 900_000 };
    expect([1, 2, 3, 4, 5, 1_000].map((tries) => tryWaitMs(waits, tries, 1_000))).toEqual([
      120_000, 240_000, 480_000, 900_000, 900_000, 900_000,
    ]);
    expect(tryWaitMs({ firstMs: 10, maxMs: 100 }, 1, 60_000)).toBe(60_000);
  });
});
