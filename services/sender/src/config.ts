import { commonConfig, databaseConfig } from "@turno/runtime";
import { z } from "zod";

const TOKEN_KEYS_RULE =
  "must be keys such as 2026:<base64 of 32 bytes>, with commas between (`openssl rand -base64 32` makes one)";
/** 32 bytes are 43 characters of base64 and a sign that fills up. */
const TOKEN_KEY = /^[0-9A-Za-z_-]{1,32}:[0-9A-Za-z+/]{43}=$/;

/** Keys as `id:base64` with commas between. */
const tokenKeys = z
  .string()
  .default("")
  .transform((text) => text.split(",").filter((part) => part.trim() !== ""))
  .refine((parts) => parts.every((part) => TOKEN_KEY.test(part.trim())), TOKEN_KEYS_RULE)
  .transform((parts) =>
    parts.map((part) => {
      const [id = "", base64 = ""] = part.trim().split(":");
      return { id, bytes: Buffer.from(base64, "base64") };
    }),
  )
  .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, "must name each key once");

const configSchema = z.object({
  ...commonConfig,
  ...databaseConfig,
  /** The only address the access token is sent to. */
  GRAPH_URL: z.url({ protocol: /^https?$/ }).default("https://graph.facebook.com"),
  GRAPH_VERSION: z
    .string()
    .regex(/^v\d+\.\d+$/)
    .default("v26.0"),
  /** The token of every channel that has none of its own, nor an account that has one. */
  WHATSAPP_ACCESS_TOKEN: z.preprocess((value) => (value === "" ? undefined : value), z.string().optional()),
  /** What encrypts the tokens of accounts and channels in the database: the first encrypts, all decrypt. */
  TOKEN_KEYS: tokenKeys,
  /** The shard of the inbound log whose statuses and account updates this sender reads. */
  SHARD: z
    .string()
    .regex(/^[0-9A-Za-z_-]{1,32}$/)
    .default("0"),
  /** How many calls to Meta run at once. */
  SENDS_IN_FLIGHT_MAX: z.coerce.number().int().min(1).max(1_000).default(64),
  /** The longest a call may take, in milliseconds; then its outcome is unknown. */
  SEND_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(15_000),
  /** How long a sender may hold a message before it becomes unknown. Longer than any call with its recording. */
  SEND_LEASE_MS: z.coerce.number().int().min(1_000).max(600_000).default(60_000),
  /** How often the sender looks for due messages if nothing wakes it. */
  SEND_POLL_MS: z.coerce.number().int().min(10).max(60_000).default(500),
  /** The unit of all waits between two tries, in milliseconds. */
  RETRY_UNIT_MS: z.coerce.number().int().min(1).max(60_000).default(1_000),
  /** A message that has waited longer fails, so that it does not surprise the customer. */
  SEND_WAIT_HOURS_MAX: z.coerce.number().positive().max(720).default(24),
  /**
   * How far the clocks of host, database, rules and Meta may differ before nothing fails by its age, in milliseconds.
   */
  CLOCK_TOLERANCE_MS: z.coerce.number().int().min(1_000).max(600_000).default(30_000),
  /** The wait before the first message tries an open circuit, in milliseconds; doubled with each try. */
  CIRCUIT_TRY_MS: z.coerce.number().int().min(100).max(3_600_000).default(60_000),
  CIRCUIT_TRY_MS_MAX: z.coerce.number().int().min(100).max(86_400_000).default(900_000),
  /** Meta's throughput of a business number. */
  NUMBER_RATE_PER_SECOND: z.coerce.number().min(0.1).max(10_000).default(80),
  /** Meta's rate of a business number towards one contact: one message in this many milliseconds, after a burst. */
  PAIR_INTERVAL_MS: z.coerce.number().int().min(1).max(600_000).default(6_000),
  PAIR_BURST: z.coerce.number().int().min(1).max(1_000).default(45),
  TEMPLATE_SYNC_MS: z.coerce.number().int().min(1_000).default(3_600_000),
  /** How long a silent sender keeps its partitions of the log, in milliseconds. */
  LEASE_MS: z.coerce.number().int().min(1_000).max(60_000).default(5_000),
  /** The most statuses in one transaction, apart from those of its last record. */
  BATCH_LINES_MAX: z.coerce.number().int().min(1).max(5_000).default(256),
  DATABASE_CONNECTIONS_MAX: z.coerce.number().int().min(3).max(100).default(6),
});

/** The sender's environment. No secret has a default. */
export const senderConfig = configSchema
  .refine((config) => config.SEND_LEASE_MS > config.SEND_TIMEOUT_MS, {
    path: ["SEND_LEASE_MS"],
    message: "must be longer than SEND_TIMEOUT_MS, or calls under way would be given up",
  })
  .refine((config) => config.WHATSAPP_ACCESS_TOKEN !== undefined || config.TOKEN_KEYS.length > 0, {
    path: ["WHATSAPP_ACCESS_TOKEN"],
    message: "must be set, or TOKEN_KEYS for tokens of accounts and channels: without a token nothing can be sent",
  });

export type Config = z.output<typeof senderConfig>;
