import { STREAMS } from "@turno/contracts";
import type { Room } from "@turno/messaging";
import type { Logger } from "@turno/runtime";
import type { ProvisionerMetrics } from "./metrics.ts";

const NEARLY_FULL_SHARE = 0.8;
/** The share below which the warning may come again. */
const ROOMY_SHARE = 0.75;

const GIBIBYTE = 1024 ** 3;
const inGibibytes = (bytes: number) => (bytes / GIBIBYTE).toFixed(2);

/**
 * Watches how full everything is, and warns once while there is still time. `EVENTS` may be full: it drops its oldest.
 */
export function createRoomWatch({
  metrics,
  logger,
}: {
  metrics: Pick<ProvisionerMetrics, "bytes" | "bytesMax">;
  logger: Logger;
}) {
  const nearlyFull = new Set<string>();
  let hasSaidUnknown = false;
  const look = ({ name, bytes, bytesMax }: Room) => {
    metrics.bytes.set({ of: name }, bytes);
    if (bytesMax === null) return metrics.bytesMax.remove({ of: name });
    metrics.bytesMax.set({ of: name }, bytesMax);
    const share = bytes / bytesMax;
    if (share < ROOMY_SHARE) nearlyFull.delete(name);
    if (share < NEARLY_FULL_SHARE || name === STREAMS.events || nearlyFull.has(name)) return;
    nearlyFull.add(name);
    logger.error(
      { of: name, bytes, bytesMax },
      `${name} holds ${inGibibytes(bytes)} of ${inGibibytes(bytesMax)} GiB: soon nothing more is stored, and the gateway answers 503`,
    );
  };
  return {
    note: (rooms: readonly Room[]) => {
      for (const room of rooms) look(room);
      const isLimited = rooms.some(({ name, bytesMax }) => name !== STREAMS.events && bytesMax !== null);
      if (!isLimited && rooms.length > 0 && !hasSaidUnknown) {
        hasSaidUnknown = true;
        logger.warn("INBOUND has no size limit, so nothing can tell before the disk is full: set INBOUND_BYTES_MAX");
      }
    },
  };
}
