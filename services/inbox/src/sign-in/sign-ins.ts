import { refuseDeactivated, type Refusal } from "@turno/conversation";
import { isRefusal, type Sql } from "@turno/database";
import { setTimeout as pause } from "node:timers/promises";
import type { AgentAsker } from "../http/route.ts";
import type { IssuerClient, Vouched } from "./issuer-client.ts";
import { recogniseLogin, type Recognised } from "./recognise-login.ts";
import { createSecret, hashSecret, openTokens, sealTokens } from "./sealed-tokens.ts";
import {
  deleteSignIn,
  endRefused,
  keepRefreshed,
  leaseRefresh,
  noteUse,
  postponeRefresh,
  readSignIn,
  writeSignIn,
  type PersonRow,
  type SignInLimits,
  type SignInRow,
} from "./sign-in-rows.ts";

const LOOK_AGAIN_MS = 200;
/** Longer than the issuer may take to answer. */
const LOOKS_MAX = 40;

/** Who is signed in, and until when at most. */
export interface SignedIn {
  asker: AgentAsker;
  expiresAt: Date;
}

/** Who is signed in, by the secret that its browser holds, on any replica. */
export interface SignIns {
  issuers: readonly IssuerClient[];
  /** Signs in whom an issuer vouches for, if it is somebody here. */
  open: (issuer: IssuerClient, vouched: Vouched) => Promise<{ secret: string } | Exclude<Recognised, "known">>;
  /**
   * Returns who is signed in, refreshed where that is due; null for nobody, `issuer-away` where the issuer's word is over
   * and it does not answer.
   */
  read: (secret: string) => Promise<SignedIn | Refusal | "issuer-away" | null>;
  /** Ends a sign-in here, and not at the issuer's. */
  end: (secret: string) => Promise<void>;
  /** Signs out. Returns where the issuer does so too, if it has such a place. */
  close: (secret: string) => Promise<URL | null>;
}

export function createSignIns(
  sql: Sql,
  options: { issuers: readonly IssuerClient[]; limits: SignInLimits; onError: (error: unknown) => void },
): SignIns {
  const { issuers, limits, onError } = options;
  const clientOf = (address: string) => issuers.find(({ settings }) => settings.issuer === address);
  const underWay = new Map<string, Promise<void>>();
  const refreshOnce = (secret: string, secretHash: string, issuer: IssuerClient): Promise<void> => {
    const begun = underWay.get(secretHash) ?? refresh(sql, secret, secretHash, issuer);
    underWay.set(secretHash, begun);
    return begun.catch(onError).finally(() => underWay.delete(secretHash));
  };
  const read: SignIns["read"] = async (secret) => {
    const secretHash = hashSecret(secret);
    if (secretHash === null) return null;
    for (let look = 0; look < LOOKS_MAX; look++) {
      const row = await readSignIn(sql, secretHash, limits);
      // An issuer that is configured no longer vouches for nobody.
      const issuer = row === null ? undefined : clientOf(row.issuer);
      if (row === null || issuer === undefined) return null;
      // The page of somebody whose token still lasts does not wait for the issuer.
      const refreshed = row.isRefreshDue ? refreshOnce(secret, secretHash, issuer) : null;
      if (!row.isTokenOver) return admitRow(sql, row, secretHash, limits);
      if (!row.canRefresh) return null;
      if (refreshed === null && !row.isRefreshing) return "issuer-away";
      await refreshed;
      if (row.isRefreshing) await pause(LOOK_AGAIN_MS);
    }
    return "issuer-away";
  };
  return {
    issuers,
    open: async ({ settings: { issuer, matchesEmail } }, { subject, email, tokens }) => {
      const recognised = await recogniseLogin(sql, { issuer, subject, email: matchesEmail ? email : null });
      if (recognised !== "known") return recognised;
      const secret = createSecret();
      const { lifetimeSeconds, refreshToken, idToken } = tokens;
      const secretHash = hashSecret(secret) ?? "";
      const sealed = sealTokens(secret, { refreshToken, idToken });
      const given = { lifetimeSeconds, canRefresh: refreshToken !== null };
      await writeSignIn(sql, { secretHash, issuer, subject, sealed }, given, limits);
      return { secret };
    },
    read,
    end: async (secret) => {
      const secretHash = hashSecret(secret);
      if (secretHash !== null) await deleteSignIn(sql, secretHash);
    },
    close: async (secret) => {
      const secretHash = hashSecret(secret);
      const ended = secretHash === null ? null : await deleteSignIn(sql, secretHash);
      if (ended === null) return null;
      const idToken = openTokens(secret, ended.sealed)?.idToken ?? null;
      return (await clientOf(ended.issuer)?.endSession(idToken).catch(onError)) ?? null;
    },
  };
}

async function admitRow(
  sql: Sql,
  row: SignInRow,
  secretHash: string,
  limits: SignInLimits,
): Promise<SignedIn | Refusal> {
  if (row.isUseUnnoted) await noteUse(sql, secretHash, limits);
  const asker = toAsker(row);
  return isRefusal(asker) ? asker : { asker, expiresAt: row.lastsUntil };
}

/** Returns what the rules know of a person. */
export function toAsker({ agentId, role, groupIds, deactivatedAt }: PersonRow): AgentAsker | Refusal {
  const deactivated = refuseDeactivated({ agentId, deactivatedAt });
  return deactivated ?? { kind: "agent", agentId, role, groupIds };
}

/**
 * Asks the issuer for new tokens, one process at a time: a refresh token may be used once only. No connection is held
 * meanwhile. What a slower one brings, or is refused, counts for the tokens with which it asked and no others.
 */
async function refresh(sql: Sql, secret: string, secretHash: string, issuer: IssuerClient): Promise<void> {
  const leased = await leaseRefresh(sql, secretHash);
  if (leased === null) return;
  const { refreshes } = leased;
  const tokens = openTokens(secret, leased.sealed);
  try {
    const given = tokens === null ? { refused: "not sealed with this secret" } : await issuer.refresh(tokens);
    if ("refused" in given) return await endRefused(sql, secretHash, refreshes);
    const { lifetimeSeconds, refreshToken, idToken } = given;
    const sealed = sealTokens(secret, { refreshToken, idToken });
    await keepRefreshed(sql, secretHash, { sealed, refreshes, lifetimeSeconds });
  } catch (error) {
    await postponeRefresh(sql, secretHash, refreshes);
    throw error;
  }
}
