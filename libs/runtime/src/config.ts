import { z } from "zod";
import { Failure } from "./failure.ts";

/** The environment lacks what a service needs. The message lists every fault at once, without any value. */
export class ConfigFailure extends Failure {
  override readonly retryable = false;
}

const BROKER_RULE =
  "must be one address or several with commas between, such as nats://router:password@nats:4222 (a special character of " +
  "the password percent-encoded)";
const BROKER_ADDRESS = /^((nats|tls):\/\/)?([^@/\s]*@)?[^@/\s,]+\/?$/i;
const DATABASE_RULE = "must be an address such as postgres://turno:password@postgres:5432/turno";

function isDatabaseAddress(text: string): boolean {
  // Several hosts with commas between are one address for the driver, and none for URL.
  const [scheme = "", rest = ""] = text.split("://", 2);
  return /^postgres(ql)?$/.test(scheme) && /^[^\s/]+(\/|$)/.test(rest) && URL.canParse(text.replace(/,[^/@]*/, ""));
}

/** Settings that every service reads. */
export const commonConfig = {
  NATS_URL: z
    .string()
    .refine((text) => text.split(",").every((address) => BROKER_ADDRESS.test(address.trim())), BROKER_RULE)
    .default("nats://127.0.0.1:4222"),
  PORT: z.coerce.number().int().min(0).max(65535).default(0),
  /** Health and metrics, where they have a port of their own. */
  OPERATIONS_PORT: z.preprocess(
    (value) => (value === "" ? undefined : value),
    z.coerce.number().int().min(0).max(65535).optional(),
  ),
  /** The address on which it listens: all of the machine's by default. */
  LISTEN_ADDRESS: z
    .union([z.ipv4(), z.ipv6(), z.literal("localhost")], "must be an address of this machine")
    .default("0.0.0.0"),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
};

/** Settings of a service that keeps state. */
export const databaseConfig = {
  DATABASE_URL: z.string(`is not set: it ${DATABASE_RULE}`).refine(isDatabaseAddress, DATABASE_RULE),
};

/** Reads the environment by a schema; throws a `ConfigFailure` that names each key and rule. */
export function loadConfig<T extends z.ZodType>(
  schema: T,
  environment: Record<string, string | undefined>,
): z.output<T> {
  const parsed = schema.safeParse(environment);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => {
    const key = path.join(".");
    const isMissing =
      path.length === 1 && environment[String(path[0])] === undefined && message.startsWith("Invalid input");
    return `  ${key === "" ? "" : `${key}: `}${isMissing ? "is not set, and has no default" : message}`;
  });
  const count = faults.length === 1 ? "one fault" : `${faults.length} faults`;
  throw new ConfigFailure(
    `The environment has ${count} (the service's README says what each key means):\n${faults.join("\n")}`,
  );
}
