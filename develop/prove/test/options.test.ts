import { describe, expect, it } from "vitest";
import { FAULTS } from "../src/faults/index.ts";
import { readProveOptions } from "../src/options.ts";

describe("npm run prove", () => {
  it("plays every fault for the record where nothing is asked, and one round of one where it is named with a seed", () => {
    expect(readProveOptions([])).toMatchObject({ faults: FAULTS, rounds: 210, seed: 1, isForTheRecord: true });
    expect(readProveOptions(["--fault", "SIGKILL router", "--seed", "7"])).toMatchObject({
      faults: [{ name: "SIGKILL router" }],
      rounds: 1,
      seed: 7,
      isForTheRecord: false,
    });
  });

  it("refuses an unknown fault, an unknown flag and what is no number, in words", () => {
    expect(() => readProveOptions(["--fault", "rain"])).toThrow('there is no fault "rain"');
    expect(() => readProveOptions(["--fualt", "x"])).toThrow("--fualt");
    expect(() => readProveOptions(["--seed", "x"])).toThrow('--seed is "x"');
  });

  it("names each fault once", () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
  });
});
