import { readLag, type PartitionLag, type Sql } from "@turno/database";
import { addFigures, isDefect, type Registry } from "@turno/runtime";

interface FigureContext {
  sql: Sql;
  metrics: { registry: Registry };
  fail: (stage: string) => (error: unknown) => void;
  tellDefect: (stage: string) => (error: unknown) => void;
}

/** Returns what hears of figures that cannot be read. A defect in them must not end the work that they are about. */
export const onFigureFailure =
  ({ fail, tellDefect }: Pick<FigureContext, "fail" | "tellDefect">) =>
  (error: unknown): void =>
    (isDefect(error) ? tellDefect : fail)("figures")(error);

/**
 * Adds how far every reader of the inbound log is behind. Several services say it, because no reader of a partition can
 * tell that it is dead. While the database does not answer nothing takes effect, so the figures grow with the time.
 */
export function addLagFigures(context: FigureContext): void {
  addFigures<readonly PartitionLag[]>(context.metrics.registry, {
    read: () => readLag(context.sql),
    onFailure: onFigureFailure(context),
    instead: (last, ageMs) => last.map((lag) => ({ ...lag, seconds: lag.seconds + ageMs / 1000 })),
    gauges: [
      {
        name: "turno_inbound_oldest_seconds",
        help: "Age of the oldest update without effect, at most: by reader and partition, also where nobody reads",
        labelNames: ["reader", "partition"],
        valuesOf: (lags) =>
          lags.map(({ reader, partition, seconds }) => [{ reader, partition: String(partition) }, seconds]),
      },
      {
        name: "turno_inbound_oldest_max_seconds",
        help: "Age of the oldest update without effect, at most: the highest of all partitions of a reader",
        labelNames: ["reader"],
        valuesOf: (lags) =>
          [...Map.groupBy(lags, ({ reader }) => reader)].map(([reader, own]) => [
            { reader },
            Math.max(...own.map(({ seconds }) => seconds)),
          ]),
      },
    ],
  });
}
