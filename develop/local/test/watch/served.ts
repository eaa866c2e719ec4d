import type { MetricFamily } from "./exposition.ts";
import { listSelectors } from "./promql.ts";

/** Every metric that a service has served, by service. */
export type Served = ReadonlyMap<string, ReadonlyMap<string, MetricFamily>>;

/** What has been served, by the name of each series: its metric's type and its labels. */
export function listSeries(served: Served): Map<string, { type: string; labels: Set<string> }> {
  const series = new Map<string, { type: string; labels: Set<string> }>();
  for (const family of [...served.values()].flatMap((ofService) => [...ofService.values()])) {
    for (const { labels } of family.samples) {
      const name = labels["__name__"] ?? "";
      const known = series.get(name) ?? { type: family.type, labels: new Set<string>() };
      for (const label of Object.keys(labels)) known.labels.add(label);
      series.set(name, known);
    }
  }
  return series;
}

/** Returns what an expression asks for that no service has served: a metric, or a label of it. */
export function findUnserved(expression: string, series: ReturnType<typeof listSeries>): string[] {
  return listSelectors(expression).flatMap(({ matches, labels }) => {
    const found = [...series].filter(([name]) => matches(name));
    if (found.length === 0) return [`no metric for ${expression}`];
    const unknown = labels.filter((label) => !found.some(([, { labels: known }]) => known.has(label)));
    return unknown.map((label) => `no label ${label} for ${expression}`);
  });
}
