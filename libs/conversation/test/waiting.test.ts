import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideSend, isSessionOpen, refuseMarketing, reviewWaiting } from "../src/index.ts";

const HOUR_MS = 3_600_000;
const requestedAt = new Date("2026-11-23T10:00:00Z");
const after = (ms: number) => new Date(requestedAt.getTime() + ms);
const open = { endsAt: after(20 * HOUR_MS), closedAt: null };
const given = {
  state: "active",
  session: open,
  need: "free-form",
  requestedAt,
  now: after(1_000),
  waitMsMax: 12 * HOUR_MS,
  marketing: null,
} as const;

const inputs = fc.record({
  state: fc.constantFrom("queued", "active", "expired", "closed", "failed"),
  need: fc.constantFrom("template", "read", "free-form"),
  session: fc.record({
    endsAt: fc.option(fc.integer({ min: -HOUR_MS, max: 24 * HOUR_MS }).map(after), { nil: null }),
    closedAt: fc.constant(null),
  }),
  now: fc.integer({ min: 0, max: 48 * HOUR_MS }).map(after),
  waitMsMax: fc.integer({ min: 1, max: 72 * HOUR_MS }),
  requestedAt: fc.constant(requestedAt),
  marketing: fc.option(
    fc.record({
      name: fc.constant("offer"),
      category: fc.constantFrom("MARKETING", "UTILITY", "marketing"),
      isStopped: fc.boolean(),
      saidAt: fc.constant(requestedAt),
    }),
    { nil: null },
  ),
} as const);

describe("a message that waited", () => {
  it("goes out only where the gate would let it through into this conversation now, and not too late", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        if (input.need === "read") return;
        const gate = decideSend({ ...input, continuedById: null, openConversationId: null });
        const isYoung = input.now.getTime() - requestedAt.getTime() <= input.waitMsMax;
        const isWanted = input.marketing === null || refuseMarketing(input.marketing) === null;
        expect(reviewWaiting(input) === null).toBe(gate.kind === "send" && isYoung && isWanted);
      }),
    );
  });

  it("never goes out as free form without an open session, whatever else holds", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        if (reviewWaiting({ ...input, need: "free-form" }) !== null) return;
        expect(isSessionOpen(input.session, input.now)).toBe(true);
      }),
    );
  });

  it("that is stopped once stays stopped as time goes by", () => {
    fc.assert(
      fc.property(inputs, fc.nat(48 * HOUR_MS), (input, ms) => {
        if (reviewWaiting(input) === null) return;
        expect(reviewWaiting({ ...input, now: new Date(input.now.getTime() + ms) })).not.toBeNull();
      }),
    );
  });

  it("may always go where it is a read receipt, which tells the customer nothing", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        expect(reviewWaiting({ ...input, need: "read" })).toBeNull();
      }),
    );
  });

  it("says what happened and what to do", () => {
    expect(reviewWaiting(given)).toBeNull();
    const late = reviewWaiting({ ...given, session: { endsAt: after(500), closedAt: null } });
    expect(late).toMatchObject({
      cause: "session-over",
      message: expect.stringContaining("only a template") as string,
    });
    const expired = reviewWaiting({ ...given, state: "expired", need: "template" });
    expect(expired).toMatchObject({
      cause: "conversation-over",
      message: expect.stringContaining("expired") as string,
    });
    const closed = reviewWaiting({ ...given, state: "closed" });
    expect(closed?.message).toBe(
      "Not sent. The conversation was closed while the message waited. Nothing is sent on it any more.",
    );
    const old = reviewWaiting({ ...given, need: "template", now: after(12 * HOUR_MS + 1) });
    expect(old).toMatchObject({ cause: "too-old", message: expect.stringContaining("send it again") as string });
    expect(reviewWaiting({ ...given, need: "template", now: after(12 * HOUR_MS) })).toBeNull();
  });
});
