import { commonConfig, databaseConfig } from "@turno/runtime";
import { z } from "zod";

/** The router's environment. */
export const configSchema = z.object({
  ...commonConfig,
  ...databaseConfig,
  /** The shard of the inbound log that this router reads. */
  SHARD: z
    .string()
    .regex(/^[0-9A-Za-z_-]{1,32}$/)
    .default("0"),
  /** How long a silent router keeps its partitions, in milliseconds. */
  LEASE_MS: z.coerce.number().int().min(1_000).max(60_000).default(5_000),
  /** The most updates in one transaction, apart from those of its last record. */
  BATCH_LINES_MAX: z.coerce.number().int().min(1).max(5_000).default(512),
  /** How many batches are applied at once, each for some of the partitions. */
  TRANSACTIONS_MAX: z.coerce.number().int().min(1).max(4).default(3),
  DATABASE_CONNECTIONS_MAX: z.coerce.number().int().min(3).max(100).default(6),
});

export type Config = z.output<typeof configSchema>;
