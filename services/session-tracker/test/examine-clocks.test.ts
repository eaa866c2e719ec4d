import { expect, it } from "vitest";
import { judgeClocks } from "../src/examine-clocks.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z");
const LOOK = { hostFrom: NOW, hostTo: NOW + 10, toleranceMs: 30_000 };
const CLOCKS = { database: NOW + 5, rules: NOW + 5, isShifted: false, meta: NOW - 1_000, watermark: NOW - 1_000 };

it.each([
  ["the database's clock", { database: NOW - 60_000, rules: NOW - 60_000 }, /60 s behind/],
  ["Meta's newest timestamp", { meta: NOW + 60_000 }, /Meta's newest timestamp/],
  ["the routers' watermark", { watermark: NOW + 60_000 }, /watermark/],
])("%s that is not of this time is found", (_what, changed, wrong) => {
  const found = judgeClocks({ ...CLOCKS, ...changed }, LOOK);
  expect(found).toMatchObject({ code: "clocks", state: "wrong", wrong: expect.stringMatching(wrong) });
  expect(found.advice).toMatch(/NTP/);
});

it("clocks that agree are sound, before the first message too", () => {
  expect([judgeClocks(CLOCKS, LOOK).state, judgeClocks({ ...CLOCKS, meta: null }, LOOK).state]).toEqual([
    "sound",
    "sound",
  ]);
});
