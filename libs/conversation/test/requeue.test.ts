import { describe, expect, it } from "vitest";
import { requeueCause } from "../src/index.ts";

const at = (second: number) => new Date(Date.UTC(2026, 10, 23, 10, 0, second));
const held = { assignedAt: at(0), hasAnswered: false, presentUntil: at(40) };
const group = { needsPresence: true, firstAnswerSeconds: 10, absentRequeueSeconds: 5 };

describe("a conversation goes back to the queue", () => {
  it("at the instant at which the first answer is due, and not before", () => {
    expect(requeueCause(held, group, at(9))).toBeNull();
    expect(requeueCause(held, group, at(10))).toBe("no-first-answer");
  });

  it("never for want of an answer that was given, nor where the group sets no limit", () => {
    expect(requeueCause({ ...held, hasAnswered: true }, group, at(40))).toBeNull();
    expect(requeueCause(held, { ...group, firstAnswerSeconds: 0 }, at(40))).toBeNull();
  });

  it("when its agent's presence lapsed long enough ago, where the group asks for presence and sets a limit", () => {
    const answered = { ...held, hasAnswered: true };
    expect(requeueCause(answered, group, at(44))).toBeNull();
    expect(requeueCause(answered, group, at(45))).toBe("agent-absent");
    expect(requeueCause(answered, { ...group, needsPresence: false }, at(50))).toBeNull();
    expect(requeueCause(answered, { ...group, absentRequeueSeconds: 0 }, at(50))).toBeNull();
  });

  it("not before an agent who was given it while absent had as long as one whose presence lapses", () => {
    const forced = { assignedAt: at(30), hasAnswered: true, presentUntil: null };
    expect(requeueCause(forced, group, at(34))).toBeNull();
    expect(requeueCause(forced, group, at(35))).toBe("agent-absent");
  });
});
