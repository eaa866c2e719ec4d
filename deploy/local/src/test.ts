import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithTools, print, runSteps, runTool, STATIC_STEPS } from "./steps.ts";
import { concludeRun, countTests, type TestCount, type TestReport } from "./test-report.ts";

async function readCount(file: string): Promise<TestCount | null> {
  try {
    return countTests(JSON.parse(await readFile(file, "utf8")) as TestReport);
  } catch (error) {
    print(`The tests gave no report: ${(error as Error).message}`);
    return null;
  }
}

endWithTools();
const failedSteps = await runSteps(STATIC_STEPS);
const folder = await mkdtemp(join(tmpdir(), "turno-report-"));
const report = join(folder, "report.json");
const { code } = await runTool(`vitest run --reporter=default --reporter=json --outputFile.json=${report}`, {
  isShown: true,
});
const tests = await readCount(report);
await rm(folder, { recursive: true });
const { line, exitCode } = concludeRun(tests, code, failedSteps);
if (failedSteps.length > 0) print(`\nFailed before the tests: ${failedSteps.join(", ")}`);
print(line);
process.exit(exitCode);
