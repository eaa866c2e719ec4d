/** What vitest's JSON reporter writes, as far as the count needs it. */
export interface TestReport {
  numPassedTests: number;
  numFailedTests: number;
  testResults: { name: string; status: string; message?: string; assertionResults: { status: string }[] }[];
}

export interface TestCount {
  passed: number;
  failed: number;
}

/** Counts tests. A file that could not be loaded has no test that failed, and counts as one failure. */
export function countTests(report: TestReport): TestCount {
  const isBroken = (file: TestReport["testResults"][number]) =>
    file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed");
  const broken = report.testResults.filter(isBroken).length;
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken };
}

/**
 * The run's last line and exit code. What failed outside of any test (a step, something left running after the tests)
 * counts as a failure each, and a run without a test has failed: a line with `0 failed` always means that all is well.
 */
export function concludeRun(
  tests: TestCount | null,
  vitestCode: number,
  failedSteps: readonly string[],
): { line: string; exitCode: number } {
  const { passed, failed } = tests ?? { passed: 0, failed: 0 };
  const isUnexplained = failed === 0 && (vitestCode !== 0 || passed === 0);
  const total = failed + failedSteps.length + (isUnexplained ? 1 : 0);
  return { line: `${passed} passed, ${total} failed`, exitCode: total === 0 ? 0 : 1 };
}
