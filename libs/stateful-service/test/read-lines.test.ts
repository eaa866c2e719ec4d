import { Failure } from "@turno/runtime";
import { expect, it } from "vitest";
import { readLines } from "../src/lane/read-lane.ts";

class AwayFailure extends Failure {}
const lines = ["a", "b", "c"].map((json) => ({ json, partition: 0 }));

it("leaves out the line that provokes a defect, and reads the others", () => {
  const read = (json: string) => {
    if (json === "b") throw new TypeError("planted");
    return `read ${json}`;
  };
  const instead = (json: string, defect: unknown) => `${json}: ${String(defect)}`;
  expect(readLines(lines, read, instead)).toEqual(["read a", "b: TypeError: planted", "read c"]);
});

it("takes no failure for a line's", () => {
  const read = () => {
    throw new AwayFailure("away");
  };
  expect(() => readLines(lines, read, () => "")).toThrow(AwayFailure);
});
