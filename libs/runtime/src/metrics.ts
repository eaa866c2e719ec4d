import { setTimeout as pause } from "node:timers/promises";
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "@prometheus-io/client";

export { Counter, Gauge, Histogram, Registry };

/** Creates a service's registry, with the process's memory, CPU and event loop delay in it. */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Adds a gauge that is read when somebody asks for the metrics. */
export function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  const gauge: Gauge = new Gauge({ name, help, registers: [], collect: () => gauge.set(read()) });
  registry.registerMetric(gauge);
}

/** A gauge of a reading: its value under each set of labels. */
export interface FigureGauge<Reading> {
  name: string;
  help: string;
  labelNames?: readonly string[];
  valuesOf: (reading: Reading) => Iterable<readonly [labels: Record<string, string>, value: number]>;
}

/** How long a reading serves all who ask, in milliseconds. */
const FRESH_MS = 2_000;
/** How long who asks for the metrics waits for a reading, in milliseconds: a scraper gives up after seconds. */
const LATE_MS = 1_000;

/**
 * Adds gauges that share one reading of something outside the process, such as the database. It is read when somebody asks
 * for the metrics, by one statement at a time. While it cannot be read the gauges are absent, because an old figure would
 * look like a true one; or they are what `instead` makes of the last reading and its age in milliseconds.
 */
export function addFigures<Reading>(
  registry: Registry,
  options: {
    read: () => Promise<Reading>;
    gauges: readonly FigureGauge<Reading>[];
    onFailure: (error: unknown) => void;
    instead?: (last: Reading, ageMs: number) => Reading;
  },
): void {
  let known: { reading: Reading; at: number } | null = null;
  let looking: Promise<void> | null = null;
  const look = () => {
    looking ??= options
      .read()
      .then((reading) => void (known = { reading, at: performance.now() }), options.onFailure)
      .finally(() => void (looking = null));
    return looking;
  };
  const ageMs = () => (known === null ? Infinity : performance.now() - known.at);
  const current = async (): Promise<Reading | null> => {
    if (ageMs() > FRESH_MS) await Promise.race([look(), pause(LATE_MS, undefined, { ref: false })]);
    if (known === null) return null;
    return ageMs() <= FRESH_MS ? known.reading : (options.instead?.(known.reading, ageMs()) ?? null);
  };
  for (const { name, help, labelNames = [], valuesOf } of options.gauges) {
    const gauge: Gauge<string> = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [],
      collect: async () => {
        const reading = await current();
        gauge.reset();
        if (labelNames.length === 0) gauge.remove();
        if (reading !== null) for (const [labels, value] of valuesOf(reading)) gauge.set(labels, value);
      },
    });
    registry.registerMetric(gauge);
  }
}
