import { soundCheck, wrongCheck, type Check } from "@turno/contracts";
import { judgeOperationsPort } from "@turno/messaging";
import type { AppCredentials } from "./config.ts";

/** When an app's signatures last matched and did not; milliseconds since the epoch, null where it never happened. */
export interface SignatureUse {
  signedAt: number | null;
  mismatchedAt: number | null;
}

/** Remembers for each configured app when its signatures last matched. It grows with the configuration alone. */
export function createSignatureMemory(now: () => number = Date.now) {
  const uses = new Map<string, SignatureUse>();
  return {
    note: (appKey: string, isSigned: boolean) => {
      const use = uses.get(appKey) ?? { signedAt: null, mismatchedAt: null };
      uses.set(appKey, { ...use, [isSigned ? "signedAt" : "mismatchedAt"]: now() });
    },
    of: (appKey: string): SignatureUse => uses.get(appKey) ?? { signedAt: null, mismatchedAt: null },
  };
}

type ExaminedApp = Pick<AppCredentials, "secrets" | "verifyTokens" | "accounts">;

/** What the gateway knows of itself. It never tells a secret or a token, only how many there are. */
export interface GatewayFacts {
  apps: ReadonlyMap<string, ExaminedApp>;
  useOf: (appKey: string) => SignatureUse;
  /** Why nothing is stored; null where everything is. */
  obstacle: string | null;
  isProduction: boolean;
  hasOperationsPort: boolean;
}

export function judgeGateway({ apps, useOf, obstacle, isProduction, hasOperationsPort }: GatewayFacts): Check[] {
  return [
    obstacle === null
      ? soundCheck("ready", "what Meta sends is stored before it is answered")
      : wrongCheck("ready", "whether what Meta sends is stored", {
          wrong: obstacle,
          advice: 'See "The gateway answers 503" in docs/runbook.md.',
        }),
    ...[...apps].map(([key, app]) => judgeSignatures(nameApp(key, app), useOf(key))),
    judgeOperationsPort("gateway", { isProduction, hasOperationsPort }),
  ];
}

function nameApp(key: string, { secrets, verifyTokens, accounts }: ExaminedApp): string {
  const bound = accounts === undefined ? "any account" : `${accounts.length} accounts`;
  const name = key === "" ? "the app of the path without a key" : `the app ${key}`;
  return `${name} (secrets: ${secrets.length}, verify tokens: ${verifyTokens.length}, speaks for ${bound})`;
}

function judgeSignatures(name: string, { signedAt, mismatchedAt }: SignatureUse): Check {
  const last = signedAt === null ? "none matched since the start" : `last match ${new Date(signedAt).toISOString()}`;
  const looked = `signatures of ${name}: ${last}`;
  if (mismatchedAt === null || mismatchedAt < (signedAt ?? 0)) return soundCheck("signatures", looked);
  return wrongCheck("signatures", looked, {
    wrong: `The last delivery, ${new Date(mismatchedAt).toISOString()}, was signed with none of its secrets.`,
    advice:
      "Compare its secrets with the app secret in Meta's app dashboard (Settings, Basic), and the path of the app's callback " +
      "with its key. Meta resends for 7 days.",
  });
}
