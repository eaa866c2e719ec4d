import { commonConfig } from "@turno/runtime";
import { z } from "zod";

const MIB = 1024 * 1024;

const emptyAsAbsent = (value: unknown) => (value === "" ? undefined : value);

/** JetStream needs a majority: an even number survives no more losses than the odd one below it. */
const replicas = z.preprocess(
  emptyAsAbsent,
  z.coerce
    .number()
    .refine((count) => [1, 3, 5].includes(count), "must be 1, 3 or 5")
    .default(1),
);
const bytesMax = z.coerce
  .number()
  .int()
  .min(16 * MIB);
/** The default limit of `EVENTS`. It leaves the rest to `INBOUND`, which cannot be filled again. */
const EVENTS_BYTES_MAX = 4 * 1024 * MIB;

/** The provisioner's environment. */
export const configSchema = z.object({
  ...commonConfig,
  INBOUND_REPLICAS: replicas,
  INBOUND_BYTES_MAX: z.preprocess(emptyAsAbsent, bytesMax.optional()),
  EVENTS_REPLICAS: replicas,
  EVENTS_BYTES_MAX: z.preprocess(emptyAsAbsent, bytesMax.default(EVENTS_BYTES_MAX)),
});

export type Config = z.output<typeof configSchema>;
