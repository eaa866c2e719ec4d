import { describe, expect, it } from "vitest";
import { FAULTS } from "../src/faults/index.ts";
import { readOptions } from "../src/options.ts";

describe("npm run prove", () => {
  it("plays every fault for the record where nothing is asked, and one round of one where it is named with a seed", () => {
    expect(readOptions([])).toMatchObject({ faults: FAULTS, rounds: 210, seed: 1, isForTheRecord: true });
    expect(readOptions(["--fault", "SIGKILL router", "--seed", "7"])).toMatchObject({
      faults: [{ name: "SIGKILL router" }],
      rounds: 1,
      seed: 7,
      isForTheRecord: false,
    });
  });

  it("refuses an unknown fault, an unknown flag and what is no number, in words", () => {
    expect(() => readOptions(["--fault", "rain"])).toThrow('there is no fault "rain"');
    expect(() => readOptions(["--fualt", "x"])).toThrow("--fualt");
    expect(() => readOptions(["--seed", "x"])).toThrow('--seed is "x"');
  });

  it("names each fault once", () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
  });
});
