import { commonConfig } from "@turno/runtime";
import { z } from "zod";

const MIB = 1024 * 1024;

/** JetStream keeps a majority: an even number would bear no more losses than the odd one below it. */
const replicas = z.coerce
  .number()
  .refine((count) => [1, 3, 5].includes(count), "must be 1, 3 or 5")
  .default(1);
const bytesMax = z.coerce
  .number()
  .int()
  .min(16 * MIB)
  .optional();

/** The provisioner's environment. */
export const configSchema = z.object({
  ...commonConfig,
  INBOUND_REPLICAS: replicas,
  INBOUND_BYTES_MAX: bytesMax,
  EVENTS_REPLICAS: replicas,
  EVENTS_BYTES_MAX: bytesMax,
});

export type Config = z.output<typeof configSchema>;
