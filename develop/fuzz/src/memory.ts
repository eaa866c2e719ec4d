import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Returns what is left on the heap after everything that nobody holds has gone, in whole megabytes. */
export function settledHeapMb(): number {
  collect();
  collect();
  return Math.round(process.memoryUsage().heapUsed / 1024 / 1024);
}
