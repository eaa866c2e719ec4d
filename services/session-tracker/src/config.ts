import { commonConfig, databaseConfig } from "@turno/runtime";
import { z } from "zod";

/** The session tracker's environment. */
export const configSchema = z.object({
  ...commonConfig,
  ...databaseConfig,
  /** Minutes before a conversation's expiry at which a warning goes out, comma-separated. */
  WARNING_MINUTES: z
    .string()
    .default("60,15")
    .transform((text) => text.split(",").map(Number))
    .pipe(z.array(z.number().int().min(1).max(240)).max(10)),
  /** How far the clocks of host, database, rules and Meta may differ before nothing expires, in milliseconds. */
  CLOCK_TOLERANCE_MS: z.coerce.number().int().min(1_000).max(600_000).default(30_000),
  DATABASE_CONNECTIONS_MAX: z.coerce.number().int().min(2).max(100).default(6),
});

export type Config = z.output<typeof configSchema>;
