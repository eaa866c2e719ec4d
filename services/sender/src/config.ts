import { commonConfig, databaseConfig } from "@turno/runtime";
import { z } from "zod";

const configSchema = z.object({
  ...commonConfig,
  ...databaseConfig,
  /** The only address the access token is sent to. */
  GRAPH_URL: z.url({ protocol: /^https?$/ }).default("https://graph.facebook.com"),
  GRAPH_VERSION: z
    .string()
    .regex(/^v\d+\.\d+$/)
    .default("v26.0"),
  WHATSAPP_ACCESS_TOKEN: z.string().min(1),
  /** The shard of the inbound log whose statuses and account updates this sender reads. */
  SHARD: z
    .string()
    .regex(/^[0-9A-Za-z_-]{1,32}$/)
    .default("0"),
  /** Calls to Meta under way at once. */
  SENDS_IN_FLIGHT_MAX: z.coerce.number().int().min(1).max(1_000).default(64),
  /** From the call to its whole answer, in milliseconds; what takes longer has an unknown outcome. */
  SEND_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(15_000),
  /** How long a sender may have a message before it is given up as unknown. Longer than any call with its recording. */
  SEND_LEASE_MS: z.coerce.number().int().min(1_000).max(600_000).default(60_000),
  /** How often the sender looks for due messages where nothing wakes it. */
  SEND_POLL_MS: z.coerce.number().int().min(10).max(60_000).default(500),
  /** The unit of all waits between two tries, in milliseconds. */
  RETRY_UNIT_MS: z.coerce.number().int().min(1).max(60_000).default(1_000),
  /** A message that has waited for longer fails instead of surprising the customer. */
  SEND_WAIT_HOURS_MAX: z.coerce.number().positive().max(720).default(24),
  /** How far the clocks of host, database, rules and Meta may lie apart before nothing fails by its age, in milliseconds. */
  CLOCK_TOLERANCE_MS: z.coerce.number().int().min(1_000).max(600_000).default(30_000),
  /** From the refusal that stops sending to the first message that tries again, in milliseconds; doubled with each try. */
  CIRCUIT_TRY_MS: z.coerce.number().int().min(100).max(3_600_000).default(60_000),
  CIRCUIT_TRY_MS_MAX: z.coerce.number().int().min(100).max(86_400_000).default(900_000),
  /** Meta's throughput of a business number. */
  NUMBER_RATE_PER_SECOND: z.coerce.number().min(0.1).max(10_000).default(80),
  /** Meta's rate of a business number towards one contact: one message each so many milliseconds, after a burst. */
  PAIR_INTERVAL_MS: z.coerce.number().int().min(1).max(600_000).default(6_000),
  PAIR_BURST: z.coerce.number().int().min(1).max(1_000).default(45),
  TEMPLATE_SYNC_MS: z.coerce.number().int().min(1_000).default(3_600_000),
  /** How long a sender that does not answer keeps its partitions of the log, in milliseconds. */
  LEASE_MS: z.coerce.number().int().min(1_000).max(60_000).default(5_000),
  /** How many statuses one transaction takes at most, but for those of its last record. */
  BATCH_LINES_MAX: z.coerce.number().int().min(1).max(5_000).default(256),
  DATABASE_CONNECTIONS_MAX: z.coerce.number().int().min(3).max(100).default(6),
});

/** The environment of the sender. The token has no default. */
export const senderConfig = configSchema.refine((config) => config.SEND_LEASE_MS > config.SEND_TIMEOUT_MS, {
  path: ["SEND_LEASE_MS"],
  message: "must be longer than SEND_TIMEOUT_MS, or calls under way would be given up",
});

export type Config = z.output<typeof senderConfig>;
