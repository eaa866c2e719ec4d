import { execFileSync } from "node:child_process";
import process from "node:process";
import { expect, test } from "vitest";

const find = (way: "guided" | "blind", seed: number) => {
  const script = new URL("fixtures/find-planted.ts", import.meta.url).pathname;
  const text = execFileSync(process.execPath, [script, way, String(seed)], { encoding: "utf8" });
  return JSON.parse(text) as { findings: string[]; corpus: string[] };
};

test("a fault behind several conditions is found, because inputs that run new code are kept; the same seed finds it again", () => {
  const found = find("guided", 1);
  expect(found.findings).toEqual([expect.stringMatching(/^Error: planted at .*planted\.ts:\d+$/)]);
  expect(found.corpus.length).toBeGreaterThan(3);
  expect(find("guided", 1)).toEqual(found);
});

test("and is not found where nothing says what ran", () => {
  expect(find("blind", 1).findings).toEqual([]);
});
