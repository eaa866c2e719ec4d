import { describe, expect, it } from "vitest";
import {
  faultOfOutside,
  wordsDue,
  writeWords,
  type BusinessHours,
  type GroupWords,
  type WordKind,
  type WordsLook,
} from "../src/index.ts";

const HOURS: BusinessHours = {
  timeZone: "Europe/Madrid",
  weekly: [{ days: ["mon", "tue", "wed", "thu", "fri"], from: "09:00", until: "18:00" }],
  exceptions: [],
};
const [night, opening] = [new Date("2026-11-27T22:00:00Z"), new Date("2026-11-30T08:00:00Z")];
const [day, closing] = [new Date("2026-11-27T12:00:00Z"), new Date("2026-11-27T17:00:00Z")];
const template = { name: "hello", language: "es" };
const words: GroupWords = {
  outsideHours: { text: "Until {opensAt}.", template },
  greeting: { text: "Hello.", template: null },
  queue: { text: "Please wait.", template: null, afterSeconds: 60 },
};
const plus = (instant: Date, seconds: number) => new Date(instant.getTime() + seconds * 1000);

const look = (given: Partial<WordsLook> = {}): WordsLook => ({
  state: "queued",
  queuedAt: day,
  session: { endsAt: plus(night, 86_400), closedAt: null },
  said: [],
  isOpening: true,
  isStopped: false,
  words,
  outsideHours: "tell",
  hours: HOURS,
  ...given,
});
const kindOf = (given: Partial<WordsLook>, now: Date) => wordsDue(look(given), now).say?.kind ?? null;

describe("automatic words", () => {
  it("say outside the hours that nobody works, and nothing else in that session", () => {
    expect(kindOf({}, night)).toBe("outside-hours");
    for (const now of [day, night]) {
      expect(wordsDue(look({ said: ["outside-hours"], queuedAt: plus(now, -600) }), now)).toEqual({
        say: null,
        lookAt: null,
      });
    }
  });

  it("tell a customer who waits when the group stops working", () => {
    const before = wordsDue(look({ said: ["greeting", "queue"], isOpening: false }), day);
    expect(before).toEqual({ say: null, lookAt: closing });
    expect(kindOf({ said: ["greeting", "queue"], isOpening: false }, closing)).toBe("outside-hours");
  });

  it("tell nobody where the group only waits, overflows, or does not look at its hours", () => {
    for (const outsideHours of ["wait", "overflow", "ignored"] as const) {
      expect(kindOf({ outsideHours, queuedAt: night }, night)).toBe("greeting");
    }
  });

  it("greet who opens a conversation, then say once that it waits, when it has waited so long", () => {
    const said: WordKind[] = [];
    const heard = [0, 59, 60, 600].map((seconds) => {
      const kind = kindOf({ said: [...said], isOpening: seconds === 0 }, plus(day, seconds));
      if (kind !== null) said.push(kind);
      return kind;
    });
    expect(heard).toEqual(["greeting", null, "queue", null]);
    expect(wordsDue(look(), day).lookAt).toEqual(plus(day, 60));
  });

  it("do not make an agent's customer wait, and greet it all the same", () => {
    expect(kindOf({ state: "active" }, night)).toBe("greeting");
    expect(kindOf({ state: "active", isOpening: false }, plus(day, 600))).toBeNull();
  });

  it("are a text inside the session, a template when it is over, and nothing where there is none", () => {
    const over = { session: { endsAt: plus(day, -1), closedAt: null } };
    expect(wordsDue(look(), night).say?.how).toBe("text");
    expect(wordsDue(look(over), night).say?.how).toBe("template");
    expect(kindOf(over, day)).toBeNull();
    expect(kindOf({ session: { endsAt: null, closedAt: null } }, day)).toBeNull();
  });

  it("are said to nobody who stopped messages, and in nothing that ended", () => {
    expect(kindOf({ isStopped: true }, night)).toBeNull();
    for (const state of ["expired", "closed", "failed"] as const) expect(kindOf({ state }, night)).toBeNull();
  });

  it("name when the group works again, by its own clock", () => {
    expect(writeWords("Until {opensAt}.", { hours: HOURS }, night)).toBe("Until 2026-11-30 09:00.");
    expect(writeWords("{x} {opensAt}", { hours: { ...HOURS, weekly: [] } }, night)).toBe("{x} …");
    expect(wordsDue(look({ said: ["outside-hours"] }), opening).say).toBeNull();
  });
});

describe("a group's settings for outside its hours", () => {
  const group = {
    id: "a",
    outsideHours: "tell" as const,
    hours: HOURS,
    overflowGroupId: null,
    automaticWords: words,
  };
  it.each([
    [{}, "none"],
    [{ hours: null }, "needs hours"],
    [{ automaticWords: null }, "automaticWords.outsideHours"],
    [{ outsideHours: "overflow" as const }, "overflowGroupId"],
    [{ overflowGroupId: "a" }, "into itself"],
    [{ automaticWords: { ...words, greeting: { text: "Hi {name}", template: null } } }, "{name}"],
    [{ automaticWords: { ...words, greeting: { text: "At {opensAt}", template: null } } }, "{opensAt}"],
  ])("with %j are faulty as %s", (given, fault) => {
    expect(faultOfOutside({ ...group, ...given }) ?? "none").toContain(fault);
  });
});
