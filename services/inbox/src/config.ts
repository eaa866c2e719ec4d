import { commonConfig, databaseConfig } from "@turno/runtime";
import { z } from "zod";
import { issuersSchema } from "./sign-in/issuers.ts";

const text = z.string().min(1);

/** Compose passes on as empty what nobody set. */
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === "" ? undefined : value), schema.optional());

/** The inbox's environment. Without an issuer of tokens it answers commands only, and the HTTP API is closed. */
export const configSchema = z
  .object({
    ...commonConfig,
    ...databaseConfig,
    DATABASE_CONNECTIONS_MAX: z.coerce.number().int().min(3).max(100).default(8),
    /** Who issues the tokens, for whom, and where its keys are. */
    AUTH_ISSUER: optional(text),
    AUTH_AUDIENCE: optional(text),
    AUTH_JWKS_URL: optional(z.url({ protocol: /^https?$/ })),
    /** Who says who people are, for the console's sign-in; JSON. */
    OIDC_ISSUERS: optional(issuersSchema),
    /** How long somebody stays signed in at most, and without a page open. */
    SIGN_IN_HOURS_MAX: z.coerce.number().min(0.25).max(720).default(12),
    SIGN_IN_IDLE_MINUTES_MAX: z.coerce.number().min(5).max(43_200).default(120),
    /** Where people reach the inbox, if that is through something that speaks TLS for it. */
    PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
    /** Whether the inbox issues tokens to anybody who asks: for `npm start` and tests. */
    LOCAL_ISSUER: z.enum(["on", "off"]).default("off"),
    NODE_ENV: z.string().default("development"),
    /** How many requests a second it answers to one caller in the long run, and at once. */
    RATE_PER_SECOND: z.coerce.number().min(1).max(100_000).default(50),
    RATE_BURST: z.coerce.number().int().min(1).max(100_000).default(200),
  })
  .refine(({ AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, AUTH_JWKS_URL: keys }) => {
    const given = [issuer, audience, keys].filter((value) => value !== undefined).length;
    return given === 0 || given === 3;
  }, "AUTH_ISSUER, AUTH_AUDIENCE and AUTH_JWKS_URL are set together or not at all")
  .refine((config) => config.LOCAL_ISSUER === "off" || config.NODE_ENV !== "production", {
    path: ["LOCAL_ISSUER"],
    message: "gives tokens to whoever asks, and is refused in production",
  })
  .refine(
    ({ LOCAL_ISSUER: local, AUTH_JWKS_URL: keys, OIDC_ISSUERS: issuers }) =>
      local === "off" || (keys === undefined && issuers === undefined),
    { path: ["LOCAL_ISSUER"], message: "cannot be on beside a real issuer" },
  )
  .refine((config) => config.OIDC_ISSUERS === undefined || config.PUBLIC_URL !== undefined, {
    path: ["PUBLIC_URL"],
    message: "is needed beside OIDC_ISSUERS: issuers send people back to it",
  });

export type Config = z.output<typeof configSchema>;
