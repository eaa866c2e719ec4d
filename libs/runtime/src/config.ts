import { z } from "zod";

/** The environment does not hold what a service needs. The message lists every fault at once, without any value. */
export class ConfigFailure extends Error {
  readonly retryable = false;
}

/** Settings that every service reads. */
export const commonConfig = {
  NATS_URL: z.string().min(1).default("nats://127.0.0.1:4222"),
  PORT: z.coerce.number().int().min(0).max(65535).default(0),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
};

/** Settings of a service that keeps state. */
export const databaseConfig = { DATABASE_URL: z.string().min(1) };

/** Reads the environment by a schema; throws a `ConfigFailure` that names each key and rule. */
export function loadConfig<T extends z.ZodType>(
  schema: T,
  environment: Record<string, string | undefined>,
): z.output<T> {
  const parsed = schema.safeParse(environment);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
  throw new ConfigFailure(`The environment is not complete:\n${faults.join("\n")}`);
}
