import { ROOT } from "@turno/servers";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { replaceOnce } from "../src/mutations/change.ts";
import { listGuarantees } from "../src/mutations/guarantees.ts";
import { MUTATIONS } from "../src/mutations/list.ts";

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

describe("npm run mutations", () => {
  it("finds each place that it breaks, exactly once", () => {
    for (const { what, changes } of MUTATIONS) {
      for (const change of changes)
        expect([what, replaceOnce(read(change.file), change)]).not.toBe([what, read(change.file)]);
    }
    const change = { file: "a", find: "b", replace: "c" };
    expect(() => replaceOnce("a", change)).toThrow("0 times");
    expect(() => replaceOnce("b b", change)).toThrow("2 times");
  });

  it("breaks at least twenty things, names tests that exist, and guarantees that ARCHITECTURE.md makes", () => {
    expect(MUTATIONS.length).toBeGreaterThanOrEqual(20);
    expect(new Set(MUTATIONS.map(({ what }) => what)).size).toBe(MUTATIONS.length);
    expect(MUTATIONS.flatMap(({ tests }) => tests).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    const guarantees = listGuarantees(read("ARCHITECTURE.md"));
    expect(guarantees.length).toBeGreaterThan(10);
    expect(MUTATIONS.map(({ guarantee }) => guarantee).filter((text) => !guarantees.includes(text))).toEqual([]);
  });
});
