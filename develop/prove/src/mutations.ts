import { ROOT } from "@turno/servers";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { listGuarantees } from "./mutations/guarantees.ts";
import { MUTATIONS } from "./mutations/list.ts";
import type { Mutation } from "./mutations/mutation.ts";
import { runTests } from "./mutations/run-tests.ts";
import { createScratch, type Scratch } from "./mutations/scratch.ts";
import { markdownTable, writeSection } from "./report.ts";

const USAGE = `npm run mutations [-- --only TEXT] [--list]

  Breaks one guarantee of the product after the other in a copy, and runs the tests that must fail by it. Ends with a
  failure that names each guarantee which no test protects. Without options it writes its table into docs/reliability.md.

  --only   mutations whose description or guarantee holds this text
  --list   what would be broken
`;

const say = (text: string) => void process.stderr.write(`${text}\n`);
const COLUMNS = ["guarantee", "mutation", "caught by", "seconds"];

/** The tests must be green before anything is broken: what fails anyway catches nothing. */
async function checkGreen(scratch: Scratch, mutations: readonly Mutation[]): Promise<void> {
  const files = [...new Set(mutations.flatMap(({ tests }) => tests))];
  say(`${files.length} test files without a mutation …`);
  const { failed, passed, output, seconds } = await runTests(scratch.folder, files);
  if (failed.length > 0) throw new Error(`a test is red before anything is broken: ${failed.join("; ")}`);
  if (passed === 0) throw new Error(`no test was run:\n${output.slice(-2_000)}`);
  say(`${passed} tests are green (${seconds.toFixed(0)} s)`);
}

/** Returns the row of the table, and whether a test failed. */
async function tryMutation(scratch: Scratch, { guarantee, what, changes, tests }: Mutation) {
  const undo = await scratch.apply(changes);
  try {
    const { failed, passed, output, seconds } = await runTests(scratch.folder, tests);
    if (failed.length === 0 && passed === 0) say(`    no test was run:\n${output.slice(-2_000)}`);
    const by = failed.length === 0 ? undefined : failed.join("; ");
    say(
      `${by === undefined ? "NOT CAUGHT" : "caught"}: ${what} (${seconds.toFixed(0)} s)${by === undefined ? "" : `, by: ${by}`}`,
    );
    return { guarantee, isCaught: by !== undefined, row: [guarantee, what, by ?? "**nothing**", seconds.toFixed(0)] };
  } finally {
    await undo();
  }
}

async function run(only: string | undefined): Promise<void> {
  const mutations = MUTATIONS.filter(({ guarantee, what }) => `${guarantee} ${what}`.includes(only ?? ""));
  if (mutations.length === 0) throw new Error(`there is no mutation with "${only}"; --list names them all`);
  const scratch = await createScratch();
  const results: Awaited<ReturnType<typeof tryMutation>>[] = [];
  try {
    await checkGreen(scratch, mutations);
    for (const mutation of mutations) results.push(await tryMutation(scratch, mutation));
  } finally {
    await scratch.remove();
  }
  const table = markdownTable(
    COLUMNS,
    results.map(({ row }) => row),
  );
  process.stdout.write(`${table}\n`);
  const without = listGuarantees(await readFile(join(ROOT, "ARCHITECTURE.md"), "utf8")).filter(
    (guarantee) => only === undefined && !MUTATIONS.some((mutation) => mutation.guarantee === guarantee),
  );
  const unprotected = results
    .filter(({ isCaught }) => !isCaught)
    .map(({ guarantee, row }) => `${guarantee} (${row[1]})`);
  for (const guarantee of [...unprotected, ...without]) say(`no test protects: ${guarantee}`);
  if (unprotected.length + without.length > 0) process.exitCode = 1;
  if (only === undefined) await writeSection("mutations", table);
}

try {
  const options = { only: { type: "string" }, list: { type: "boolean" }, help: { type: "boolean" } } as const;
  const { values } = parseArgs({ args: process.argv.slice(2), options });
  if (values.help) process.stdout.write(USAGE);
  else if (values.list) process.stdout.write(`${MUTATIONS.map(({ what }) => what).join("\n")}\n`);
  else await run(values.only);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  say(USAGE);
  process.exitCode = 1;
}
// The channel to the bootstrap would keep the process alive.
if (process.connected) process.disconnect();
