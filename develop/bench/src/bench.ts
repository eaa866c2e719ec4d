import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { measureBeside } from "./beside.ts";
import { drawPicture } from "./picture.ts";
import { PARTS_BY_NAME_ONLY, readBenchOptions, BENCH_USAGE, type BenchOptions } from "./options.ts";
import { measureFreePlace } from "./parts/free-place.ts";
import { measureGateway } from "./parts/gateway.ts";
import { measureGrowth } from "./parts/growth.ts";
import { measureInbox } from "./parts/inbox.ts";
import { measureLatency } from "./parts/latency.ts";
import { measureMemory } from "./parts/memory.ts";
import { measurePath } from "./parts/path.ts";
import { measureRamp } from "./parts/ramp.ts";
import { measureRouter } from "./parts/router.ts";
import { measureRouters } from "./parts/routers.ts";
import { detailText, figuresTable, resultsFile } from "./report.ts";
import { FIGURES, type DetailTable, type FigureKey, type Figures, type PartName, type PartResult } from "./results.ts";
import { measureSize } from "./parts/size.ts";
import { measureSteps } from "./parts/steps.ts";
import { createBenchStage, type BenchScene, type BenchStage } from "./scene.ts";

const PLAYS: Record<PartName, (scene: BenchScene, options: BenchOptions) => Promise<PartResult>> = {
  gateway: measureGateway,
  router: measureRouter,
  path: measurePath,
  latency: measureLatency,
  growth: measureGrowth,
  routers: measureRouters,
  "free-place": measureFreePlace,
  memory: measureMemory,
  steps: measureSteps,
  inbox: measureInbox,
  size: measureSize,
  ramp: (scene, { minutes }) => measureRamp(scene, minutes),
};

const QUICK_AT_A_TIME = 3;
const RESULTS = fileURLToPath(new URL("../results.md", import.meta.url));
const PICTURE = fileURLToPath(new URL("../results.svg", import.meta.url));

async function playParts(stage: BenchStage, options: BenchOptions, say: (text: string) => void) {
  const found: Figures = {};
  const tables: DetailTable[] = [];
  const play = async (name: PartName) => {
    say(`${name} …`);
    const startedAt = performance.now();
    const result = await stage.runPart((scene) => PLAYS[name](scene, options));
    Object.assign(found, result.figures);
    tables.push(...result.tables);
    say(`${name} took ${Math.round((performance.now() - startedAt) / 1000)} s`);
  };
  const waiting = [...options.parts];
  const playNext = async (): Promise<void> => {
    const name = waiting.shift();
    if (name === undefined) return;
    await play(name);
    await playNext();
  };
  // What is measured runs alone; what is only checked may share the machine.
  await Promise.all(Array.from({ length: options.isQuick ? QUICK_AT_A_TIME : 1 }, playNext));
  const figures: Figures = {};
  for (const key of Object.keys(FIGURES) as FigureKey[]) {
    const value = found[key];
    if (value !== undefined) figures[key] = Number(value.toFixed(3));
  }
  return { figures, tables };
}

/** A run of all the parts at full size is what the results file is for. */
const isForTheRecord = ({ parts, isQuick, rounds, profileFolder }: BenchOptions) =>
  !isQuick &&
  rounds === null &&
  profileFolder === null &&
  (Object.keys(PLAYS) as PartName[]).every((name) => PARTS_BY_NAME_ONLY.includes(name) || parts.includes(name));

async function run(options: BenchOptions, args: readonly string[]): Promise<void> {
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  if (options.besideCommit !== null) {
    const table = await measureBeside(options.besideCommit, options.alternations, say);
    process.stdout.write(`${detailText(table)}\n`);
    return;
  }
  const stage = await createBenchStage({
    isQuick: options.isQuick,
    rounds: options.rounds,
    profileFolder: options.profileFolder,
    progress: (text) => say(`  ${text}`),
  });
  let stopping: Promise<void> | null = null;
  const stop = () => (stopping ??= stage.stop());
  const endEarly = () => void stop().finally(() => process.exit(130));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, endEarly);
  try {
    const { figures, tables } = await playParts(stage, options, say);
    if (isForTheRecord(options)) {
      const command = ["npm run bench", ...(args.length > 0 ? ["--", ...args] : [])].join(" ");
      const versions = [`Node ${process.versions.node}`];
      await writeFile(RESULTS, resultsFile({ command, at: new Date(), versions, figures, tables }));
      await writeFile(PICTURE, drawPicture(figures));
    }
    if (options.isJson) process.stdout.write(`${JSON.stringify(figures)}\n`);
    else process.stdout.write(`${[figuresTable(figures), ...tables.map(detailText)].join("\n\n")}\n`);
  } finally {
    await stop();
  }
}

function readOptionsOrExplain(args: string[]): BenchOptions | null {
  try {
    const options = readBenchOptions(args);
    if (options === null) process.stdout.write(BENCH_USAGE);
    return options;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${BENCH_USAGE}`);
    process.exitCode = 2;
    return null;
  }
}

const args = process.argv.slice(2);
const options = readOptionsOrExplain(args);
try {
  if (options !== null) await run(options, args);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
// The channel to the bootstrap would keep the process alive.
if (process.connected) process.disconnect();
