import { createHash } from "node:crypto";
import type { Authenticate, Authenticated } from "./authentication.ts";

/** A key that is withdrawn at the issuer lets somebody in for so much longer than the issuer's keys are kept. */
const REMEMBERED_MS_MAX = 60_000;
/** The oldest is forgotten when there are this many. */
const TOKENS_MAX = 10_000;

export type Admit = (
  authorization: string | undefined,
  mayVerify: () => boolean,
) => Promise<Authenticated | "invalid" | "too-many">;

/**
 * Checks a token once and remembers that it was valid, because a check costs a signature. A token that never was valid is
 * checked only where `mayVerify` says so: whoever sends many bad ones costs no more than that, and shuts out nobody who is
 * signed in.
 */
export function rememberTokens(verify: Authenticate, options: { nowMs: () => number; now: () => number }): Admit {
  const { nowMs, now } = options;
  const known = new Map<string, { authenticated: Authenticated; untilMs: number }>();
  return async (authorization, mayVerify) => {
    // The scheme may be written in any case, and is no part of the token.
    const [, token = ""] = /^bearer (.+)$/i.exec(authorization ?? "") ?? [];
    const key = createHash("sha256").update(token).digest("base64");
    const found = known.get(key);
    if (found !== undefined && nowMs() < found.untilMs) return found.authenticated;
    if (found === undefined && !mayVerify()) return "too-many";
    const authenticated = await verify(authorization);
    known.delete(key);
    if (authenticated === null) return "invalid";
    const leftMs = authenticated.expiresAt.getTime() - now();
    known.set(key, { authenticated, untilMs: nowMs() + Math.min(REMEMBERED_MS_MAX, leftMs) });
    const [oldest] = known.keys();
    if (known.size > TOKENS_MAX && oldest !== undefined) known.delete(oldest);
    return authenticated;
  };
}
