import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

const RUN_MS_MAX = 10 * 60_000;

/** What a run of test files came to. */
export interface TestRun {
  /** Names of the tests that failed: of the first three, because a run ends with them. */
  failed: string[];
  passed: number;
  /** What the run said, where it ended without a test that failed. */
  output: string;
  seconds: number;
}

interface Report {
  numPassedTests: number;
  testResults: { name: string; assertionResults: { status: string; fullName: string }[] }[];
}

/** Runs test files of a copy of the repository, one after the other, until three tests have failed: beside other load one may fail by itself. */
export async function runTests(folder: string, files: readonly string[]): Promise<TestRun> {
  const startedAt = performance.now();
  const reportFile = join(folder, "mutation-report.json");
  await rm(reportFile, { force: true });
  const reporting = ["--reporter=json", `--outputFile.json=${reportFile}`, "--bail=3", "--maxWorkers=1"];
  const args = [join(folder, "node_modules", "vitest", "vitest.mjs"), "run", ...reporting, ...files];
  const output = await run(args, folder);
  const report = await readReport(reportFile);
  const results = report?.testResults.flatMap(({ assertionResults }) => assertionResults) ?? [];
  return {
    failed: results.filter(({ status }) => status === "failed").map(({ fullName }) => fullName),
    passed: report?.numPassedTests ?? 0,
    output,
    seconds: (performance.now() - startedAt) / 1000,
  };
}

function run(args: readonly string[], cwd: string): Promise<string> {
  const environment = { ...process.env, TURBO_TELEMETRY_DISABLED: "1" };
  const options = { cwd, env: environment, timeout: RUN_MS_MAX, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    // What it ended with says the report.
    execFile(process.execPath, args, options, (_error, stdout, stderr) => resolve(`${stdout}\n${stderr}`));
  });
}

async function readReport(file: string): Promise<Report | null> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Report;
  } catch {
    // The run ended before it could report.
    return null;
  }
}
