import { describe, expect, it } from "vitest";
import { concludeRun, countTests } from "../src/test-report.ts";

describe("the last line of a test run", () => {
  it("counts tests as vitest reports them", () => {
    const testResults = [{ name: "a", status: "failed", assertionResults: [{ status: "failed" }] }];
    const tests = countTests({ numPassedTests: 12, numFailedTests: 1, testResults });
    expect(concludeRun(tests, 1, [])).toEqual({ line: "12 passed, 1 failed", exitCode: 1 });
  });

  it("counts a file that could not be loaded as a failure", () => {
    const testResults = [{ name: "a", status: "failed", assertionResults: [] }];
    const tests = countTests({ numPassedTests: 12, numFailedTests: 0, testResults });
    expect(concludeRun(tests, 1, [])).toEqual({ line: "12 passed, 1 failed", exitCode: 1 });
  });

  it("never says 0 failed where something outside of the tests failed", () => {
    expect(concludeRun({ passed: 3, failed: 0 }, 1, [])).toEqual({ line: "3 passed, 1 failed", exitCode: 1 });
    expect(concludeRun({ passed: 3, failed: 0 }, 0, ["lint"])).toEqual({ line: "3 passed, 1 failed", exitCode: 1 });
    expect(concludeRun(null, 1, [])).toEqual({ line: "0 passed, 1 failed", exitCode: 1 });
  });

  it("fails a run without a single test", () => {
    expect(concludeRun({ passed: 0, failed: 0 }, 0, [])).toEqual({ line: "0 passed, 1 failed", exitCode: 1 });
  });

  it("passes where all is well", () => {
    expect(concludeRun({ passed: 3, failed: 0 }, 0, [])).toEqual({ line: "3 passed, 0 failed", exitCode: 0 });
  });
});
