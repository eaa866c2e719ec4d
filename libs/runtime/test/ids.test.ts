import { describe, expect, it } from "vitest";
import { createIdSource } from "../src/index.ts";

const VERSION_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const instantOf = (id: string) => Number.parseInt(id.replace("-", "").slice(0, 12), 16);

describe("ids", () => {
  it("are uuids of version 7 that only grow, thousands of them within a millisecond", () => {
    const createId = createIdSource(() => 1_700_000_000_000);
    const ids = Array.from({ length: 5_000 }, createId);
    expect(ids.filter((id) => !VERSION_7.test(id))).toEqual([]);
    expect(ids).toEqual([...new Set(ids)].toSorted());
    expect(new Set(ids.map(instantOf))).toEqual(new Set([1_700_000_000_000]));
  });

  it("grow also when the clock goes back, and follow it when it goes on", () => {
    const instants = [1_000, 2_000, 1_500, 1_999, 2_001];
    const createId = createIdSource(() => instants.shift() ?? 0);
    const ids = Array.from({ length: 5 }, createId);
    expect(ids).toEqual(ids.toSorted());
    expect(ids.map(instantOf)).toEqual([1_000, 2_000, 2_000, 2_000, 2_001]);
  });

  it("of two sources differ", () => {
    const sources = [createIdSource(() => 5), createIdSource(() => 5)];
    const ids = sources.flatMap((createId) => Array.from({ length: 1_000 }, createId));
    expect(new Set(ids).size).toBe(2_000);
  });
});
