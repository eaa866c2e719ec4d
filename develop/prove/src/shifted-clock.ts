import { readFileSync } from "node:fs";
import process from "node:process";

/** Names the file that says by how many milliseconds the clock of this process's host is off. */
export const CLOCK_FILE_KEY = "TURNO_PROVE_CLOCK_FILE";
const LOOK_MS = 50;

/** Loaded before a service (`--import`): its host's clock goes by the file. Timers and the monotonic clock go on as they are. */
function shiftClock(file: string): void {
  const RealDate = Date;
  let byMs = 0;
  const look = () => void (byMs = Number(readFileSync(file, "utf8")) || 0);
  look();
  setInterval(look, LOOK_MS).unref();
  const now = () => RealDate.now() + byMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
    get: (target, key, receiver) => (key === "now" ? now : (Reflect.get(target, key, receiver) as unknown)),
  });
}

const file = process.env[CLOCK_FILE_KEY];
if (file !== undefined) shiftClock(file);
