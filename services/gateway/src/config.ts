import { commonConfig } from "@turno/runtime";
import { z } from "zod";

/** A list in one variable, so that an old and a new value overlap while one replaces the other. */
const commaList = z
  .string()
  .transform((text) => text.split(",").map((item) => item.trim()))
  .pipe(z.array(z.string().min(1, "holds an empty element")).min(1));

const metaIds = z.array(z.string().regex(/^\d{1,32}$/, "must be an id of Meta's, digits alone")).min(1);

const credentialsSchema = z.strictObject({
  secrets: z.array(z.string().min(1)).min(1),
  verifyTokens: z.array(z.string().min(1)).min(1),
  /** The business accounts, and the phone number ids, that the app speaks for: see `may-speak-for.ts`. */
  accounts: metaIds.optional(),
  numbers: metaIds.optional(),
});
export type AppCredentials = z.output<typeof credentialsSchema>;

const appsSchema = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      // The parser's message would quote a secret.
      context.addIssue({ code: "custom", message: "is not JSON" });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/), credentialsSchema));

const emptyAsAbsent = (value: unknown) => (value === "" ? undefined : value);

/** The gateway's environment. No secret has a default, and it needs at least one app. */
export const gatewayConfig = z
  .object({
    ...commonConfig,
    WHATSAPP_APP_SECRETS: z.preprocess(emptyAsAbsent, commaList.optional()),
    WHATSAPP_VERIFY_TOKENS: z.preprocess(emptyAsAbsent, commaList.optional()),
    WHATSAPP_APPS: z.preprocess(emptyAsAbsent, appsSchema.optional()),
    NODE_ENV: z.string().default("development"),
    /** How long a gateway that was told to stop is not ready but still takes deliveries, in milliseconds. */
    STOP_GRACE_MS: z.coerce.number().int().min(0).max(8_000).default(3_000),
  })
  .superRefine((environment, context) => {
    const { WHATSAPP_APP_SECRETS: secrets, WHATSAPP_VERIFY_TOKENS: tokens, WHATSAPP_APPS: apps } = environment;
    const fault = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
    if (secrets === undefined && tokens !== undefined) fault("WHATSAPP_APP_SECRETS", "is needed with the tokens");
    if (tokens === undefined && secrets !== undefined) fault("WHATSAPP_VERIFY_TOKENS", "is needed with the secrets");
    if (secrets === undefined && tokens === undefined && Object.keys(apps ?? {}).length === 0) {
      fault("WHATSAPP_APP_SECRETS", "is needed (with WHATSAPP_VERIFY_TOKENS), or apps in WHATSAPP_APPS");
    }
  });
export type GatewayConfig = z.output<typeof gatewayConfig>;

/** The app of the path without a key. */
export const DEFAULT_APP = "";

export function credentialsByApp(config: GatewayConfig): Map<string, AppCredentials> {
  const apps = new Map(Object.entries(config.WHATSAPP_APPS ?? {}));
  const { WHATSAPP_APP_SECRETS: secrets, WHATSAPP_VERIFY_TOKENS: verifyTokens } = config;
  if (secrets !== undefined && verifyTokens !== undefined) apps.set(DEFAULT_APP, { secrets, verifyTokens });
  return apps;
}
