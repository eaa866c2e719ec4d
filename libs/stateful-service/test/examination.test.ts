import { expect, it } from "vitest";
import { judgeReadiness } from "../src/examination.ts";

it("each thing that a service waits for or leaves out is a fault of its own, and none is sound", () => {
  const starting = judgeReadiness({
    isStarting: true,
    isReady: false,
    reasons: ["waits for the database", "waits for EVENTS"],
  });
  expect(starting.map(({ code, state, looked, wrong }) => [code, state, looked, wrong])).toEqual([
    ["ready", "wrong", "its start", "waits for the database"],
    ["ready", "wrong", "its start", "waits for EVENTS"],
  ]);
  expect(judgeReadiness({ isReady: true, reasons: ["left out: 1"] })).toMatchObject([
    { state: "wrong", wrong: "left out: 1" },
  ]);
  // Everything that it waited for is there, and its work has not begun.
  const between = judgeReadiness({ isStarting: true, isReady: false, reasons: [] });
  expect(between).toMatchObject([{ state: "wrong", wrong: "it has not begun its work yet" }]);
  expect(judgeReadiness({ isReady: true, reasons: [] })).toMatchObject([{ state: "sound" }]);
});
