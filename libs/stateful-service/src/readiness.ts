import type { DatabaseWatch, Sql } from "@turno/database";
import type { Connection } from "@turno/messaging";
import type { Relay } from "@turno/relay";
import { addGauge, type Readiness, type Registry, type SetAside } from "@turno/runtime";

/** What of a service that has begun says how it is. */
interface Running {
  context: { connection: Connection; relay: Relay; sql: Sql };
  work: { obstacles(): readonly string[]; setAside?: readonly SetAside[]; api?: object };
  database: DatabaseWatch;
}

/** Whether the service does all its work, and what stands still or is left out. */
export function readinessOf({ context, work, database }: Running): Readiness {
  const { awaySince } = context.connection;
  const broker =
    awaySince === null
      ? null
      : `the broker is away since ${awaySince.toISOString()}: no command arrives and no event is published`;
  const reasons = [broker, database.obstacle, ...work.obstacles()].filter((obstacle) => obstacle !== null);
  const leftOut = (work.setAside ?? []).flatMap(({ note }) => note ?? []);
  const { obstacle: unpublished, heldEntities } = context.relay;
  if (heldEntities > 0) leftOut.push(`left out of publishing by a defect, as the log says: ${heldEntities}`);
  if (unpublished === null) return { isReady: reasons.length === 0, reasons: [...reasons, ...leftOut] };
  // An API goes on serving what is read, and shows that nothing is published.
  const isReady = reasons.length === 0 && work.api !== undefined;
  return { isReady, reasons: [...reasons, unpublished, ...leftOut] };
}

const pool = ({ context }: Running) => context.sql.poolUse();

/** For each service the same gauges, under the last word of its name. */
export function addStateGauges(name: string, registry: Registry, begun: () => Running | null): void {
  const prefix = `turno_${name.split("-").at(-1)}`;
  const add = (what: string, help: string, read: (begun: Running) => boolean | number) =>
    addGauge(registry, `${prefix}_${what}`, help, () => {
      const there = begun();
      return there === null ? 0 : +read(there);
    });
  add("database_up", "1 while the database answers and takes changes", ({ database }) => database.obstacle === null);
  add("broker_up", "1 while the broker is there", ({ context }) => context.connection.isConnected);
  add("ready", "1 while nothing stands still", (there) => readinessOf(there).isReady);
  add("database_connections_max", "Connections that its pool may have", (there) => pool(there).connectionsMax);
  add(
    "database_calls",
    "Statements and transactions under way, or waiting for a connection",
    (there) => pool(there).calls,
  );
  add(
    "database_waiting_calls",
    "Statements and transactions that wait for a connection",
    (there) => pool(there).waiting,
  );
  add("set_aside", "Rows that loops leave out because of a defect", ({ work }) =>
    (work.setAside ?? []).reduce((sum, { keys }) => sum + keys.length, 0),
  );
}
