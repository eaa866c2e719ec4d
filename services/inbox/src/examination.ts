import { soundCheck, wrongCheck, type Check } from "@turno/contracts";
import { judgeOperationsPort, type Examined } from "@turno/messaging";
import type { Config } from "./config.ts";

export type ExaminedConfig = Pick<
  Config,
  "NODE_ENV" | "AUTH_ISSUER" | "OIDC_ISSUERS" | "LOCAL_ISSUER" | "PUBLIC_URL" | "OPERATIONS_PORT"
>;

/** Looks at how people reach the inbox and sign in. */
export function examineInbox(config: ExaminedConfig): Examined {
  const { PUBLIC_URL: url, OPERATIONS_PORT: port } = config;
  const isProduction = config.NODE_ENV === "production";
  return {
    checks: [
      judgeSigningIn(config, isProduction),
      judgePublicUrl(url, isProduction),
      judgeOperationsPort("inbox", { isProduction, hasOperationsPort: port !== undefined }),
    ],
    addresses: url === undefined ? [] : [{ kind: "console", url }],
  };
}

function judgeSigningIn(config: ExaminedConfig, isProduction: boolean): Check {
  const { AUTH_ISSUER: issuer, OIDC_ISSUERS: issuers = [], LOCAL_ISSUER: local } = config;
  if (issuers.length > 0) {
    return soundCheck("sign-in", `people sign in at ${issuers.map((one) => one.issuer).join(", ")}`);
  }
  if (issuer !== undefined) return soundCheck("sign-in", `people sign in with tokens of ${issuer}`);
  if (local === "on") return soundCheck("sign-in", "whoever asks gets a token, outside production");
  if (!isProduction) return soundCheck("sign-in", "nobody signs in, outside production");
  return wrongCheck("sign-in", "how people sign in", {
    wrong: "No identity provider and no issuer of tokens is set, so the API and the console are closed.",
    advice: "Set OIDC_ISSUERS of the inbox, and AUTH_ISSUER, AUTH_AUDIENCE and AUTH_JWKS_URL for callers of the API.",
  });
}

function judgePublicUrl(url: string | undefined, isProduction: boolean): Check {
  const looked = `the address of the inbox: ${url ?? "not set"}`;
  if (!isProduction || url?.startsWith("https://") === true) return soundCheck("public-url", looked);
  return wrongCheck("public-url", looked, {
    wrong: "It is not set, or not https: tokens and customers' messages would travel in clear.",
    advice: "Set PUBLIC_URL of the inbox to the https address of what speaks TLS for it.",
  });
}
