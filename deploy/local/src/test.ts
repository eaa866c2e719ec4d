import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithTools, print, runSteps, runTool, STATIC_STEPS } from "./steps.ts";
import { concludeRun, countTests, type TestCount, type TestReport } from "./test-report.ts";

/** A folder for everything that tests write, which goes with this process, also where the tests are broken off. */
function openTemporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "turno-run-"));
  // Root's Postgres runs as another user, who must be able to enter.
  chmodSync(folder, 0o755);
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
  return folder;
}

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
const folder = openTemporaryFolder();
const report = join(folder, "report.json");
const { code } = await runTool(`vitest run --reporter=default --reporter=json --outputFile.json='${report}'`, {
  isShown: true,
  environment: { TMPDIR: folder },
});
const { line, exitCode } = concludeRun(await readCount(report), code, failedSteps);
if (failedSteps.length > 0) print(`\nFailed before the tests: ${failedSteps.join(", ")}`);
print(line);
process.exit(exitCode);
