import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  actionsFor,
  closeSession,
  decideSend,
  dueStep,
  isSessionOpen,
  NO_SESSION,
  renewSession,
  SEND_MARGIN_MS,
  SESSION_MS,
} from "../src/index.ts";

const wroteAt = new Date("2026-11-23T10:00:00Z");
const plus = (instant: Date, ms: number) => new Date(instant.getTime() + ms);
const end = plus(wroteAt, SESSION_MS);
const session = { endsAt: end, closedAt: null };

describe("a session", () => {
  it("is open until one millisecond before the margin of its end, and closed from there on", () => {
    expect(isSessionOpen(session, plus(end, -SEND_MARGIN_MS - 1))).toBe(true);
    expect(isSessionOpen(session, plus(end, -SEND_MARGIN_MS))).toBe(false);
    expect(isSessionOpen(session, end)).toBe(false);
  });

  it("is never open where the customer never wrote", () => {
    expect(isSessionOpen(NO_SESSION, wroteAt)).toBe(false);
  });

  it("ends 24 hours after the latest interaction, in whatever order and however often they come", () => {
    const instants = fc.array(fc.integer({ min: 0, max: 7 * SESSION_MS }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(instants, (offsets) => {
        const now = plus(wroteAt, 8 * SESSION_MS);
        const ended = offsets.reduce((so, ms) => renewSession(so, plus(wroteAt, ms), now), NO_SESSION);
        expect(ended.endsAt).toEqual(plus(wroteAt, Math.max(...offsets) + SESSION_MS));
      }),
    );
  });

  it("is not made longer by a timestamp ahead of our clock", () => {
    expect(renewSession(NO_SESSION, plus(wroteAt, 90_000), wroteAt).endsAt).toEqual(end);
  });

  it("that Meta closed is opened again only by what the customer does later", () => {
    const closed = closeSession(session, plus(wroteAt, 1_000));
    expect(closed.endsAt).toEqual(plus(wroteAt, 1_000));
    expect(renewSession(closed, plus(wroteAt, 1_000), end)).toEqual(closed);
    expect(renewSession(closed, plus(wroteAt, 1_001), end).endsAt).toEqual(plus(wroteAt, 1_001 + SESSION_MS));
  });
});

describe("what is due", () => {
  const conversation = { sessionEndsAt: end, openedAt: wroteAt, warned: null };
  const at = (ms: number, warned: { endsAt: Date; minutes: number } | null = null) =>
    dueStep({ ...conversation, warned }, [60, 15], plus(end, ms));

  it("expires at the instant, not one millisecond before", () => {
    expect(at(0)).toEqual({ kind: "expire" });
    expect(at(-1).kind).not.toBe("expire");
  });

  it("warns once at each instant, and only of the latest that has passed", () => {
    expect(at(-60 * 60_000 - 1)).toEqual({ kind: "wait", nextCheckAt: plus(end, -60 * 60_000) });
    expect(at(-60 * 60_000)).toEqual({ kind: "warn", minutesBefore: 60, nextCheckAt: plus(end, -15 * 60_000) });
    expect(at(-59 * 60_000, { endsAt: end, minutes: 60 })).toEqual({
      kind: "wait",
      nextCheckAt: plus(end, -15 * 60_000),
    });
    expect(at(-60_000)).toEqual({ kind: "warn", minutesBefore: 15, nextCheckAt: end });
    expect(at(-60_000, { endsAt: end, minutes: 15 })).toEqual({ kind: "wait", nextCheckAt: end });
  });

  it("warns again after the customer wrote and a new end came", () => {
    expect(at(-60 * 60_000, { endsAt: plus(end, -1), minutes: 15 })).toMatchObject({ kind: "warn", minutesBefore: 60 });
  });

  it("counts from the opening where the customer never wrote", () => {
    expect(dueStep({ ...conversation, sessionEndsAt: null }, [], end)).toEqual({ kind: "expire" });
  });
});

describe("a message to send", () => {
  const ask = (given: Partial<Parameters<typeof decideSend>[0]>) =>
    decideSend({
      state: "active",
      session,
      need: "free-form",
      now: wroteAt,
      continuedById: null,
      openConversationId: null,
      ...given,
    });

  it("goes out free-form exactly while it is offered, which ends with the session", () => {
    const asker = { kind: "agent", agentId: "a", role: "agent", groupIds: ["g"] } as const;
    for (const beforeMs of [SEND_MARGIN_MS + 1, SEND_MARGIN_MS, SEND_MARGIN_MS - 1, 1, 0]) {
      const now = plus(end, -beforeMs);
      const offered = actionsFor(asker, {
        state: "active",
        groupId: "g",
        agentId: "a",
        isSessionOpen: isSessionOpen(session, now),
      });
      expect(offered.includes("send"), `${beforeMs} ms before`).toBe(ask({ now }).kind === "send");
    }
    expect(ask({ now: plus(end, -SEND_MARGIN_MS - 1) })).toEqual({ kind: "send" });
    expect(ask({ now: plus(end, -SEND_MARGIN_MS) })).toMatchObject({
      kind: "refuse",
      refusal: { code: "session-over", details: { allowed: ["template"] } },
    });
  });

  it("may always be a template, also before the customer wrote", () => {
    expect(ask({ need: "template", session: NO_SESSION })).toEqual({ kind: "send" });
    expect(ask({ need: "free-form", session: NO_SESSION })).toMatchObject({ refusal: { code: "session-over" } });
  });

  it("on an expired conversation may only be a template, which opens one new conversation", () => {
    expect(ask({ state: "expired", now: end })).toMatchObject({ refusal: { code: "session-over" } });
    expect(ask({ state: "expired", need: "template" })).toEqual({ kind: "reopen" });
    const written = { state: "expired", need: "template", openConversationId: "newer" } as const;
    const superseded = { refusal: { code: "conversation-superseded", details: { conversationId: "newer" } } };
    expect(ask(written)).toMatchObject(superseded);
  });

  it("goes nowhere from an expired conversation that has led to another, whose name it learns", () => {
    for (const need of ["template", "free-form", "read"] as const) {
      for (const openConversationId of ["new", null]) {
        const decision = ask({ state: "expired", need, openConversationId, continuedById: "new" });
        expect(decision).toMatchObject({
          refusal: { code: "conversation-continued", details: { continuedById: "new" } },
        });
      }
    }
  });

  it("goes nowhere on a closed or failed conversation", () => {
    expect(ask({ state: "closed", need: "template" })).toMatchObject({ refusal: { code: "conversation-not-open" } });
    expect(ask({ state: "failed", need: "template" })).toMatchObject({ refusal: { code: "conversation-not-open" } });
  });
});
