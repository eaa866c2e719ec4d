import { ROOT } from "@turno/servers";
import { createRandom } from "@turno/simulator";
import { isArgumentFault, refuseUsage } from "@turno/turno/terminal/usage";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { keepFinding, readCorpus, writeCorpus } from "./corpus.ts";
import { startCoverage, type Coverage } from "./coverage.ts";
import { settledHeapMb } from "./memory.ts";
import { FUZZ_USAGE, readFuzzOptions, type FuzzOptions } from "./options.ts";
import { executeOnce, minimise, search, type Finding } from "./search.ts";
import { TARGETS } from "./targets/index.ts";
import type { FuzzTarget } from "./target.ts";

const say = (text: string) => void process.stderr.write(`${text}\n`);
const print = (text: string) => void process.stdout.write(`${text}\n`);
const PROGRESS_EVERY_MS = 10_000;
/** What the corpus in memory may take. */
const HEAP_GROWTH_MB_MAX = 32;
const count = (number: number) => number.toLocaleString("en");

async function fuzz(target: FuzzTarget, options: FuzzOptions, coverage: Coverage): Promise<boolean> {
  const { name } = target;
  coverage.forget();
  const corpus = [...target.seeds(), ...readCorpus(name)];
  const run = { target, random: createRandom(options.seed), coverage };
  say(`${name}: ${target.reads}. Seed ${options.seed}, ${count(corpus.length)} inputs to begin with.`);
  // The first ones compile what is read, and fill what is kept for good.
  const begun = await search({ ...run, corpus, executions: Math.ceil(options.executions / 50) });
  const heapAtStart = settledHeapMb();
  const startedAt = performance.now();
  let saidAt = startedAt;
  const seconds = () => (performance.now() - startedAt) / 1_000;
  const state = await search({
    ...run,
    corpus: begun.corpus,
    executions: options.executions,
    onProgress({ executions, corpus: { length }, findings }) {
      if (performance.now() - saidAt < PROGRESS_EVERY_MS) return;
      saidAt = performance.now();
      const speed = Math.round(executions / seconds());
      const found = `${count(coverage.covered)} characters of code, ${length} inputs kept, ${findings.length} findings`;
      say(`${name}: ${count(executions)} executions, ${count(speed)} a second, ${found}`);
    },
  });
  const speed = Math.round(state.executions / seconds());
  const byName = new Map([...begun.findings, ...state.findings].map((finding) => [finding.name, finding]));
  const findings = [...byName.values()];
  for (const finding of findings) tell(name, finding);
  const heapAtEnd = settledHeapMb();
  const cells = [name, options.seed, count(state.executions), count(coverage.covered), count(state.features.size)];
  print(`| ${[...cells, count(speed), `${heapAtStart} MB`, `${heapAtEnd} MB`, findings.length].join(" | ")} |`);
  const isFlat = heapAtEnd - heapAtStart < HEAP_GROWTH_MB_MAX;
  if (!isFlat) say(`${name}: the heap grew from ${heapAtStart} to ${heapAtEnd} MB`);
  if (options.isGrowing && findings.length === 0) {
    const kept = await minimise(target, [...readCorpus(name), ...state.corpus], coverage);
    writeCorpus(name, kept);
    say(`${name}: ${kept.length} inputs written`);
  }
  return isFlat && findings.length === 0;
}

function tell(name: string, { name: what, input, error }: Finding): void {
  const path = keepFinding(name, input);
  say(`${name}: ${what}`);
  if (error instanceof Error) say((error.stack ?? "").split("\n").slice(1, 6).join("\n"));
  say(`  play it again: npm run fuzz -- --target ${name} --input ${path}`);
}

async function replay(target: FuzzTarget, path: string): Promise<boolean> {
  const { told, finding } = await executeOnce(target, readFileSync(resolve(ROOT, path)));
  if (finding === null) print(`no promise is broken; it showed: ${told.join(", ")}`);
  else say(String(finding.error instanceof Error ? finding.error.stack : finding.error));
  return finding === null;
}

function readArguments(): FuzzOptions | null {
  try {
    return readFuzzOptions(process.argv.slice(2));
  } catch (error) {
    if (isArgumentFault(error) || error instanceof RangeError) refuseUsage(error.message, FUZZ_USAGE);
    throw error;
  }
}

const options = readArguments();
if (options === null) process.stdout.write(FUZZ_USAGE);
else {
  const coverage = startCoverage();
  if (options.input === null) {
    print(
      "| reader | seed | executions | characters of code run | things told apart | a second | heap before | heap after | findings |",
    );
    print(`|${" --- |".repeat(9)}`);
  }
  for (const name of options.targets) {
    const target = TARGETS[name]?.();
    if (target === undefined) continue;
    const isGood = options.input === null ? await fuzz(target, options, coverage) : await replay(target, options.input);
    if (!isGood) process.exitCode = 1;
  }
  coverage.stop();
}
// The channel to the bootstrap would keep the process alive.
if (process.connected) process.disconnect();
