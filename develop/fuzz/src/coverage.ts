import { ROOT } from "@turno/servers";
import { Session, type Profiler } from "node:inspector";
import { pathToFileURL } from "node:url";

/** Which characters of the product's sources have run, by V8's own account of its blocks. */
export interface Coverage {
  /** Characters that have run since the beginning. */
  readonly covered: number;
  /** Notes what has run since the last call. Returns what of it had never run before. */
  take(): Gain;
  /** Returns whether what has run since the last call includes some of a gain. */
  includes(gain: Gain): boolean;
  /** The same, and takes that out of the gain. */
  claim(gain: Gain): boolean;
  /** Forgets what has run. */
  forget(): void;
  stop(): void;
}

/** Characters by script. */
export type Gain = Map<string, Set<number>>;

/** Starts to count. `isOurs` says of a script's address whether it counts; without it all that is deployed does. */
export function startCoverage(isOurs: (url: string) => boolean = isDeployed): Coverage {
  const session = new Session();
  session.connect();
  const post = (method: string, parameters: object = {}): object => {
    let found: object = {};
    session.post(method, parameters, (error, result) => {
      if (error !== null) throw error;
      found = result ?? {};
    });
    return found;
  };
  post("Profiler.enable");
  post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  const seen = new Map<string, Uint8Array>();
  let covered = 0;
  const read = () => {
    const { result } = post("Profiler.takePreciseCoverage") as { result: Profiler.ScriptCoverage[] };
    return result.filter(({ url }) => isOurs(url)).map((script) => [script.url, paint(script)] as const);
  };
  return {
    get covered() {
      return covered;
    },
    take() {
      const gain: Gain = new Map();
      for (const [url, ran] of read()) {
        const known = roomFor(seen, url, ran.length);
        const found = new Set<number>();
        for (const [at, hasRun] of ran.entries()) {
          if (hasRun === 0 || known[at] === 1) continue;
          known[at] = 1;
          found.add(at);
        }
        covered += found.size;
        if (found.size > 0) gain.set(url, found);
      }
      return gain;
    },
    includes(gain) {
      return read().some(([url, ran]) => [...(gain.get(url) ?? [])].some((at) => ran[at] === 1));
    },
    claim(gain) {
      let isClaimed = false;
      for (const [url, ran] of read()) {
        const left = gain.get(url);
        for (const at of left ?? []) {
          if (ran[at] !== 1) continue;
          left?.delete(at);
          isClaimed = true;
        }
        if (left?.size === 0) gain.delete(url);
      }
      return isClaimed;
    },
    forget() {
      post("Profiler.takePreciseCoverage");
      seen.clear();
      covered = 0;
    },
    stop() {
      post("Profiler.stopPreciseCoverage");
      session.disconnect();
    },
  };
}

const OURS = ["libs", "services", "tools"].map((folder) => pathToFileURL(`${ROOT}/${folder}/`).href);
const isDeployed = (url: string) => OURS.some((start) => url.startsWith(start));

/** The characters of a script that have run. An inner range comes after the one that it stands in, and has the last word. */
function paint({ functions }: Profiler.ScriptCoverage): Uint8Array {
  const end = Math.max(0, ...functions.map(({ ranges }) => ranges[0]?.endOffset ?? 0));
  const ran = new Uint8Array(end);
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  }
  return ran;
}

function roomFor(seen: Map<string, Uint8Array>, url: string, length: number): Uint8Array {
  const known = seen.get(url) ?? new Uint8Array();
  if (known.length >= length) return known;
  const larger = new Uint8Array(length);
  larger.set(known);
  seen.set(url, larger);
  return larger;
}
