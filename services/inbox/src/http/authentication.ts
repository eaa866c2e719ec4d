import { Failure } from "@turno/runtime";
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTVerifyGetKey } from "jose";
import { z } from "zod";

/** Pinned, so that no token chooses how it is checked: asymmetric only, never `none`, never a shared secret. */
const ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"];
const CLOCK_TOLERANCE_SECONDS = 5;
const KEYS_CACHE_MS_MAX = 600_000;
const KEYS_COOLDOWN_MS = 30_000;

export interface Authenticated {
  issuer: string;
  /** Our agent's id, or as whom the issuer knows the agent. */
  subject: string;
  /** When the token ends: live events end with it. */
  expiresAt: Date;
}

/** The key server does not answer: nobody can be let in or turned away for sure. */
export class KeyFailure extends Failure {}

export type Authenticate = (authorization: string | undefined) => Promise<Authenticated | null>;

export interface TokenRules {
  issuer: string;
  audience: string;
  keys: JWTVerifyGetKey;
}

/** Keys of an issuer, fetched when needed and kept for ten minutes; an unknown key id fetches at most every 30 s. */
export function remoteKeys(url: string): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(url), {
    timeoutDuration: 3_000,
    cacheMaxAge: KEYS_CACHE_MS_MAX,
    cooldownDuration: KEYS_COOLDOWN_MS,
    [customFetch]: fetchKeys,
  });
}

/** Only here is a `TypeError` the network's: `fetch` throws one where nobody answers. */
async function fetchKeys(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    throw (error as Error).name === "TimeoutError" ? error : keysAway(error);
  }
}

const keysAway = (cause: unknown) => new KeyFailure("the keys that tokens are checked with cannot be had", { cause });

// Postgres holds no U+0000. Source of the length: OpenID Connect Core 1.0, 2.
const claimsSchema = z.object({ sub: z.string().regex(/^[^\0]{1,255}$/), exp: z.number() });

/**
 * Reads a bearer token: signature by a pinned algorithm, issuer, audience, expiry. Its subject is the agent's id, or
 * one of its logins; role and groups come from our own tables, never from the token. Null where it is not valid; a `KeyFailure` where the keys
 * cannot be had.
 */
export function createAuthentication(rules: TokenRules): Authenticate {
  return async (authorization) => {
    const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return null;
    try {
      const { payload } = await jwtVerify(token, rules.keys, {
        algorithms: ALGORITHMS,
        issuer: rules.issuer,
        audience: rules.audience,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ["sub", "exp"],
      });
      const claims = claimsSchema.safeParse(payload);
      if (!claims.success) return null;
      const { sub: subject, exp } = claims.data;
      return { issuer: rules.issuer, subject, expiresAt: new Date(exp * 1000) };
    } catch (error) {
      if (isOfToken(error)) return null;
      throw error instanceof errors.JOSEError ? keysAway(error) : error;
    }
  };
}

/** Whether the token is at fault, and not the key server. */
function isOfToken(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return false;
  return !(error instanceof errors.JWKSTimeout) && !(error instanceof errors.JWKSInvalid) && !isBare(error);
}

/** `jose` throws its base class where the key server answers, but not with keys. */
const isBare = (error: errors.JOSEError) => error.constructor === errors.JOSEError;
