/**
 * What the clocks said at one look, in milliseconds. The database answered between `hostFrom` and `hostTo`, by the
 * host's clock; `elapsed` was read together with `hostTo`, from a clock that only runs forward.
 */
export interface ClockReading {
  hostFrom: number;
  hostTo: number;
  elapsed: number;
  database: number;
  /** The clock of the rules. It differs from the database's only if somebody shifted it on purpose. */
  rules: number;
  isShifted: boolean;
  /** Meta's newest timestamp of what took effect lately, or null. It is no later than now. */
  meta: number | null;
  /** The routers' newest watermark, or null. It is no later than now either. */
  watermark: number | null;
}

/**
 * Returns why nothing irreversible may be done by the rules' clock, or null if it may. `trusted` is the last reading
 * that was safe, null if there was none. Two clocks must agree, and must have advanced since then as much as time went
 * by. A clock that jumped stays untrusted until it is back or the process starts again.
 */
export function clockDoubt(reading: ClockReading, trusted: ClockReading | null, toleranceMs: number): string | null {
  const { hostFrom, hostTo, elapsed, database, rules, isShifted, meta, watermark } = reading;
  // However long the answer took, or the process was paused: the database's clock has to lie between.
  const apartMs = database < hostFrom ? database - hostFrom : Math.max(0, database - hostTo);
  if (Math.abs(apartMs) > toleranceMs) {
    return `the database's clock is ${inWords(apartMs)} the host's`;
  }
  if (trusted !== null) {
    const jumpMs = hostTo - trusted.hostTo - (elapsed - trusted.elapsed);
    if (Math.abs(jumpMs) > toleranceMs) {
      return `the clocks of host and database jumped together and are ${inWords(jumpMs)} the time that went by`;
    }
  }
  if (!isShifted && Math.abs(rules - database) > toleranceMs) {
    return `the clock of the rules is ${inWords(rules - database)} the database's, which does not say that it is shifted on purpose`;
  }
  if (meta !== null && rules < meta - toleranceMs) {
    return `the clock of the rules is ${inWords(rules - meta)} Meta's newest timestamp`;
  }
  if (watermark !== null && rules < watermark - toleranceMs) {
    return `the clock of the rules is ${inWords(rules - watermark)} the routers' watermark, which was noted by it`;
  }
  return null;
}

const inWords = (ms: number) => `${Math.round(Math.abs(ms) / 1_000)} s ${ms < 0 ? "behind" : "ahead of"}`;
