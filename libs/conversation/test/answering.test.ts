import { describe, expect, it } from "vitest";
import { answerAt, isQuiet, isTaken, waitFrom, WAITS_FOR_NOTHING } from "../src/index.ts";

const at = (second: number) => new Date(Date.UTC(2026, 10, 27, 10, 0, second));

describe("a customer waits for an answer", () => {
  it("since the oldest message by Meta's time, however they come; a clock ahead of ours counts as now", () => {
    const first = waitFrom(WAITS_FOR_NOTHING, at(10), at(12));
    expect(first).toEqual({ waitingSince: at(10), waitingNotedAt: at(12) });
    expect(waitFrom(first, at(20), at(21))).toEqual(first);
    expect(waitFrom(first, at(5), at(21))).toEqual({ waitingSince: at(5), waitingNotedAt: at(12) });
    expect(waitFrom(WAITS_FOR_NOTHING, at(50), at(12)).waitingSince).toEqual(at(12));
  });

  it("no more when somebody has written by hand after that, and still when that was before", () => {
    const waiting = waitFrom(WAITS_FOR_NOTHING, at(10), at(12));
    expect(answerAt(waiting, at(10))).toEqual(WAITS_FOR_NOTHING);
    expect(answerAt(waiting, at(9))).toEqual(waiting);
    expect(answerAt(WAITS_FOR_NOTHING, at(9))).toEqual(WAITS_FOR_NOTHING);
  });

  it("for no reaction, edit, deletion, notice or end of a call; and no message that Meta did not take is an answer", () => {
    expect(["text", "call", "reaction", "edit", "revoke", "system", "call_end"].map(isQuiet)).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
      true,
    ]);
    expect((["waiting", "sending", "unknown", "failed", "accepted", "read"] as const).map(isTaken)).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
  });
});
