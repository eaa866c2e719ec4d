import { commonConfig, databaseConfig } from "@turno/runtime";
import { z } from "zod";

/** The inbox's environment. */
export const configSchema = z.object({
  ...commonConfig,
  ...databaseConfig,
  DATABASE_CONNECTIONS_MAX: z.coerce.number().int().min(3).max(100).default(8),
});

export type Config = z.output<typeof configSchema>;
