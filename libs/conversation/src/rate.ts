/**
 * A rate as the generic cell rate algorithm sees it: one message each `intervalMs`, and up to `burst` at once after a
 * pause. What is kept of a key is one instant, its theoretical arrival time: when a key that sends no more is at rest.
 *
 * Ours and not a library's, because the decision has to be part of the transaction that leases the messages, for a whole
 * batch: rate-limiter-flexible's Postgres store counts fixed windows (so twice the rate passes at their edge), and takes
 * one statement outside of any transaction for each point. Source of the algorithm: ITU-T I.371, annex A.
 */
export interface Rate {
  intervalMs: number;
  burst: number;
}

/** How much of a second's messages may leave at once: less, so that those that come bunched still fit Meta's count. */
const NUMBER_BURST_SHARE = 1 / 4;

/** Returns the rate of a number of which Meta takes so many messages a second. */
export function numberRate(perSecond: number): Rate {
  return { intervalMs: 1_000 / perSecond, burst: Math.max(1, Math.floor(perSecond * NUMBER_BURST_SHARE)) };
}

/** Keys of the table `rate_limits`. The lock of a number's row is also the lock of its pairs, so it is always taken first. */
export const numberRateKey = (phoneNumberId: string) => `number:${phoneNumberId}`;
export const pairRateKey = (phoneNumberId: string, contactId: string) => `pair:${phoneNumberId}:${contactId}`;

/** Returns the rates of the numbers that have one of their own, by the number's key. */
export function ownRatesOf(
  numbers: readonly { phoneNumberId: string; ratePerSecond: number | null }[],
): Map<string, Rate> {
  return new Map(
    numbers.flatMap(({ phoneNumberId, ratePerSecond }) =>
      ratePerSecond === null ? [] : [[numberRateKey(phoneNumberId), numberRate(ratePerSecond)] as const],
    ),
  );
}

/** The database keeps an instant in microseconds. What rounding takes off must not cost a message. */
const ROUNDING_MS = 0.01;

/** Longer than any pause that Meta asks for. */
const PAUSE_MS_MAX = 1_200_000;

/**
 * Returns the arrival time at `nowMs`. One that is further ahead than any rule could put it was written by a fast
 * clock, and counts as now.
 */
function arrivalOf({ intervalMs, burst }: Rate, fullAtMs: number | null, nowMs: number): number {
  if (fullAtMs === null || fullAtMs > nowMs + burst * intervalMs + PAUSE_MS_MAX) return nowMs;
  return Math.max(fullAtMs, nowMs);
}

/** Returns how many messages fit at `nowMs`, when the key's arrival time is `fullAtMs` (null for a key never seen). */
export function countFitting(rate: Rate, fullAtMs: number | null, nowMs: number): number {
  const { intervalMs, burst } = rate;
  const from = arrivalOf(rate, fullAtMs, nowMs);
  return Math.max(0, Math.floor((nowMs + burst * intervalMs - from + ROUNDING_MS) / intervalMs));
}

/** Returns the arrival time after `count` messages at `nowMs`. */
export function afterSending(rate: Rate, fullAtMs: number | null, nowMs: number, count: number): number {
  return arrivalOf(rate, fullAtMs, nowMs) + count * rate.intervalMs;
}

/** Returns the instant from which the next message fits. */
export function nextFitAt({ intervalMs, burst }: Rate, fullAtMs: number): number {
  return fullAtMs - (burst - 1) * intervalMs;
}

/** Returns the arrival time of a key that may send nothing before `untilMs`. */
export function pausedUntil({ intervalMs, burst }: Rate, untilMs: number): number {
  return untilMs + (burst - 1) * intervalMs;
}
