import { BrokerFailure, readRoom, type Connection, type ProvisionedPart } from "@turno/messaging";
import { isDefect, startLoop, type Logger } from "@turno/runtime";
import type { ProvisionerMetrics } from "./metrics.ts";
import { createRoomWatch } from "./room-watch.ts";

/** How often it looks. What is lost is created again within this time and the time of a few calls. */
const LOOK_EVERY_MS = 1_000;
/** How long a part rests that a defect follows from. */
const REST_MS = 60_000;

export interface Upkeep {
  /** Returns why parts are not as they must be, in words for an operator. */
  obstacles(): string[];
  stop(): Promise<void>;
}

/**
 * Brings every part to its definition, again and again. A part that fails does not hold up the others, and is tried
 * again: an operator may correct what the server refuses today. A part that meets a defect rests before that.
 */
export function keepUp(
  connection: Connection,
  parts: readonly ProvisionedPart[],
  { metrics, logger }: { metrics: ProvisionerMetrics; logger: Logger },
): Upkeep {
  const obstacles = new Map(parts.map(({ name }) => [name, `${name} is not looked at yet`]));
  const note = (part: string, reason: string, error: unknown) => {
    metrics.failures.inc({ part });
    // A state is told once, at its beginning.
    if (obstacles.get(part) !== reason) logger.error({ err: error, part }, "a part is not as it must be");
    obstacles.set(part, reason);
  };
  const provision = async (part: ProvisionedPart) => {
    const { name } = part;
    try {
      const wasCreated = await part.provision(connection, { waitMsMax: 0 });
      if (wasCreated) {
        metrics.created.inc({ part: name });
        logger.info({ part: name }, "created");
      }
      obstacles.delete(name);
    } catch (error) {
      if (isDefect(error)) {
        metrics.defects.inc({ stage: name });
        restingUntil.set(name, performance.now() + REST_MS);
      }
      note(name, error instanceof Error ? error.message : String(error), error);
    }
  };
  const restingUntil = new Map<string, number>();
  const mayTry = ({ name }: ProvisionedPart) => performance.now() >= (restingUntil.get(name) ?? 0);
  const room = createRoomWatch({ metrics, logger });
  const loop = startLoop({
    run: async (stopping) => {
      // While the broker is away readiness says so, and no part is to blame.
      for (const part of parts) {
        if (connection.isConnected && !stopping.aborted && mayTry(part)) await provision(part);
      }
      metrics.looks.inc();
      if (connection.isConnected) room.note(await readRoom(connection));
    },
    pauseMs: LOOK_EVERY_MS,
    onFailure: (error) => {
      if (!(error instanceof BrokerFailure)) throw error;
      if (connection.isConnected) logger.warn({ err: error }, "how full the streams are is not known now");
    },
  });
  return { obstacles: () => [...obstacles.values()], stop: () => loop.stop() };
}
