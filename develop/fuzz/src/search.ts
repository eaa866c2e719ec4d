import { pick, type Random } from "@turno/simulator";
import type { Coverage, Gain } from "./coverage.ts";
import { createMutate } from "./mutate.ts";
import type { FuzzTarget } from "./target.ts";

export interface Finding {
  /** What was broken, without a part of the input: equal findings have equal names. */
  name: string;
  input: Buffer;
  error: unknown;
}

export interface SearchState {
  executions: number;
  findings: Finding[];
  /** Inputs that each showed something new. */
  corpus: Buffer[];
  /** What the target has told so far. */
  features: ReadonlySet<string>;
}

export interface SearchOptions {
  target: FuzzTarget;
  /** Inputs to begin with, all of which are executed first. */
  corpus: readonly Buffer[];
  /** New inputs that are executed after that. */
  executions: number;
  random: Random;
  /** What shows that an input ran new code. Without it only what the target tells counts. */
  coverage: Coverage | null;
  /** Called after each stretch of executions. */
  onProgress?: (state: SearchState) => void;
}

/** To ask what has run costs milliseconds: it is asked once for so many inputs, and more closely only where new code ran. */
const STRETCH_MIN = 100;
const STRETCH_MAX = 4_000;
const FINDINGS_MAX = 20;
const LATEST = 64;
/** Far more than an input of this length needs, in milliseconds of processor time. */
const PROCESSOR_MS_MAX = 1_000;

/** Executes a target with mutated inputs, and keeps those that show something new. The same random numbers give the same search. */
export async function search(options: SearchOptions): Promise<SearchState> {
  const { target, random, coverage } = options;
  const features = new Set<string>();
  const state: SearchState = { executions: 0, findings: [], corpus: [], features };
  const mutate = createMutate(random);
  let stretch: Buffer[] = [];
  const attempt = async (input: Buffer): Promise<void> => {
    state.executions += 1;
    const { told, finding } = await executeOnce(target, input);
    if (finding !== null && !state.findings.some(({ name }) => name === finding.name)) state.findings.push(finding);
    const before = features.size;
    for (const feature of told) features.add(feature);
    if (features.size > before) state.corpus.push(input);
    else stretch.push(input);
  };
  /** Keeps of these inputs those that run a part of what was gained. Halves are asked before each input. */
  const keep = async (inputs: readonly Buffer[], gain: Gain): Promise<void> => {
    if (gain.size === 0 || inputs.length === 0) return;
    for (const input of inputs) await executeOnce(target, input);
    const [first] = inputs;
    if (inputs.length === 1 && first !== undefined && coverage?.claim(gain) === true) state.corpus.push(first);
    if (inputs.length === 1 || coverage?.includes(gain) !== true) return;
    await keep(inputs.slice(0, inputs.length >> 1), gain);
    await keep(inputs.slice(inputs.length >> 1), gain);
  };
  const endStretch = async (): Promise<void> => {
    if (coverage !== null) await keep(stretch, coverage.take());
    stretch = [];
    options.onProgress?.(state);
  };
  const given = [...options.corpus].toSorted((one, other) => one.length - other.length);
  for (const input of given) {
    await attempt(input);
    // Of what is given each input is asked alone.
    await endStretch();
  }
  if (state.corpus.length === 0) state.corpus.push(Buffer.from("{}"));
  const choose = () => pick(random, random() < 0.5 ? state.corpus : state.corpus.slice(-LATEST));
  for (let count = 1; count <= options.executions && state.findings.length < FINDINGS_MAX; count++) {
    await attempt(mutate(choose(), choose));
    // New code becomes rare.
    if (stretch.length >= Math.min(STRETCH_MAX, STRETCH_MIN + count / 50)) await endStretch();
  }
  await endStretch();
  return state;
}

/** The gate replays the corpus: what runs new code is always in it, what only shows something else up to this number. */
const CORPUS_INPUTS_MAX = 120;

/** Returns the smallest inputs that together show what these show, and the target's seeds do not. */
export async function minimise(target: FuzzTarget, inputs: readonly Buffer[], coverage: Coverage): Promise<Buffer[]> {
  coverage.forget();
  const features = new Set<string>();
  const kept: Buffer[] = [];
  const consider = async (input: Buffer): Promise<void> => {
    const { told, finding } = await executeOnce(target, input);
    const isNew = told.some((feature) => !features.has(feature));
    for (const feature of told) features.add(feature);
    const runsNew = coverage.take().size > 0;
    if (finding === null && (runsNew || (isNew && kept.length < CORPUS_INPUTS_MAX))) kept.push(input);
  };
  for (const seed of target.seeds()) await consider(seed);
  kept.length = 0;
  for (const input of inputs.toSorted((one, other) => one.length - other.length)) await consider(input);
  return kept;
}

/** Executes a target with one input. */
export async function executeOnce(
  target: FuzzTarget,
  input: Buffer,
): Promise<{ told: readonly string[]; finding: Finding | null }> {
  try {
    const startedAt = performance.now();
    const result = target.execute(input);
    const told = result instanceof Promise ? await result : result;
    if (performance.now() - startedAt < PROCESSOR_MS_MAX) return { told, finding: null };
    // The machine may have been busy with something else: what counts is what the processor did.
    const before = process.cpuUsage();
    await target.execute(input);
    const { user, system } = process.cpuUsage(before);
    const ms = (user + system) / 1_000;
    if (ms < PROCESSOR_MS_MAX) return { told, finding: null };
    return {
      told,
      finding: { name: "it takes too long", input, error: new Error(`it takes ${ms} ms of processor time`) },
    };
  } catch (error) {
    return { told: [], finding: { name: nameOf(error), input, error } };
  }
}

/** The words of an error and the place that threw it. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const places = [...(error.stack ?? "").matchAll(/\/((?:libs|services|develop|tools)\/[^\s():]+:\d+)/g)];
  const place = places.find(([, path]) => path?.includes("develop/fuzz/src/target.ts") !== true)?.[1];
  return `${error.name}: ${error.message.slice(0, 200)} at ${place ?? "?"}`;
}
