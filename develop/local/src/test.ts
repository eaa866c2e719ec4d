import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENDED_CODE, endWithTools, print, runSteps, runTool, STATIC_STEPS } from "./steps.ts";
import { takeNoArguments } from "./take-no-arguments.ts";
import { concludeRun, countTests, type TestCount, type TestReport } from "./test-report.ts";

const REMOVALS_MAX = 50;
const SETTLE_MS = 200;

/** Removes the folder for good: the servers of a run that was broken off end a moment after it, and write until then. */
function removeFolder(folder: string, isBrokenOff: boolean): void {
  for (let removal = 1; removal <= REMOVALS_MAX; removal++) {
    rmSync(folder, { recursive: true, force: true, maxRetries: REMOVALS_MAX, retryDelay: 10 });
    if (!isBrokenOff) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SETTLE_MS);
    if (!existsSync(folder)) return;
  }
}

/** A folder for everything that tests write, which goes with this process, also where the tests are broken off. */
function openTemporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "turno-run-"));
  // Root's Postgres runs as another user, who must be able to enter.
  chmodSync(folder, 0o755);
  process.once("exit", (code) => removeFolder(folder, code === ENDED_CODE));
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

takeNoArguments(`npm test

  The whole gate: format, lint, types, boundaries, dead code, and all tests. It takes no arguments.
  Some tests alone: npx vitest run --project integration <file>
`);
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
