import { z } from "zod";

const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);

/** Tokens would be read on the way. On one machine there is no way. */
function isSafe(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === "https:" || LOOPBACK.has(hostname);
}

const issuerSchema = z.strictObject({
  /** Stands in the address to which the issuer sends people back: `<PUBLIC_URL>/sign-in/<name>/callback`. */
  name: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, "is 1 to 32 small letters, digits and hyphens")
    .refine((name) => name !== "out", "is the page of who has signed out"),
  /** On the button. */
  label: z.string().min(1).max(60),
  /** The `iss` of its tokens. Its configuration is at `/.well-known/openid-configuration` below it. */
  issuer: z.url({ protocol: /^https?$/ }).refine(isSafe, "is reached over https, or on this machine"),
  clientId: z.string().min(1),
  /** Left out for a client without one, which proves itself by PKCE alone. */
  clientSecret: z.string().min(1).optional(),
  scope: z
    .string()
    .refine((scope) => scope.split(" ").includes("openid"), "has openid in it")
    .default("openid email"),
  /** More parameters of the request, such as Google's `access_type`. */
  parameters: z.record(z.string(), z.string()).default({}),
  /** Whether an address that this issuer has verified says who somebody is. Otherwise only configured logins do. */
  matchesEmail: z.boolean().default(true),
});

export type IssuerSettings = z.output<typeof issuerSchema>;

const areDistinct = (values: readonly string[]) => new Set(values).size === values.length;

/** Those who say who people are, as JSON. Its faults name fields and rules, never values: there are secrets among them. */
export const issuersSchema = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "is no JSON" });
      return z.NEVER;
    }
  })
  .pipe(z.array(issuerSchema).min(1).max(20))
  .refine((issuers) => areDistinct(issuers.map(({ name }) => name)), "names two issuers alike")
  .refine((issuers) => areDistinct(issuers.map(({ issuer }) => issuer)), "has one issuer twice");
