import { Failure } from "@turno/runtime";
import * as oidc from "openid-client";
import { z } from "zod";
import type { SignInAttempt } from "./attempt.ts";
import type { IssuerSettings } from "./issuers.ts";
import type { IssuerTokens } from "./sealed-tokens.ts";

const TIMEOUT_SECONDS = 5;
const CLOCK_TOLERANCE_SECONDS = 30;
/** An issuer should say how long its access token lasts, and need not. Source: RFC 6749, 5.1. */
const LIFETIME_SECONDS_OTHERWISE = 600;
/** An issuer that moves its addresses is found again after so long. */
const METADATA_MS_MAX = 24 * 60 * 60 * 1000;

/** An issuer does not answer, or not as one: nobody can be signed in or refreshed by it now. */
export class IssuerFailure extends Failure {}

/** The issuer, or a check of its answer, said no. */
export interface IssuerRefusal {
  refused: string;
}

/** Of an answer that is not for this attempt, or says something else than was agreed. */
const INVALID_CODES = new Set([
  "OAUTH_INVALID_RESPONSE",
  "OAUTH_JWT_CLAIM_COMPARISON_FAILED",
  "OAUTH_JWT_TIMESTAMP_CHECK_FAILED",
  "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED",
]);

const personSchema = z.object({ email: z.email(), email_verified: z.literal(true) });

export interface IssuedTokens extends IssuerTokens {
  lifetimeSeconds: number;
}

/** Whom an issuer vouches for. */
export interface Vouched {
  subject: string;
  /** In lower case; null where the issuer gave none that it has verified. */
  email: string | null;
  tokens: IssuedTokens;
}

/** One issuer, as a client of OpenID Connect with the authorization code and PKCE. Every call may throw an `IssuerFailure`. */
export interface IssuerClient {
  settings: IssuerSettings;
  /** Returns the address at the issuer to which the browser goes, and what its cookie has to keep. */
  begin: (returnTo: string) => Promise<{ url: URL; attempt: SignInAttempt }>;
  /** Takes the address with which the issuer sent the browser back. */
  finish: (url: URL, attempt: SignInAttempt) => Promise<Vouched | IssuerRefusal>;
  refresh: (tokens: IssuerTokens) => Promise<IssuedTokens | IssuerRefusal>;
  /** Returns where the issuer signs somebody out; null if it has no such place. */
  endSession: (idToken: string | null) => Promise<URL | null>;
}

/** Creates the client. It asks the issuer for its addresses when it needs them first, and keeps them and the keys. */
export function createIssuerClient(
  settings: IssuerSettings,
  { publicOrigin, nowMs }: { publicOrigin: string; nowMs: () => number },
): IssuerClient {
  const redirectUri = `${publicOrigin}/sign-in/${settings.name}/callback`;
  const discover = keepFor(METADATA_MS_MAX, nowMs, () => askFor(settings));
  return {
    settings,
    begin: async (returnTo) => {
      const configuration = await discover();
      const verifier = oidc.randomPKCECodeVerifier();
      const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
      const url = oidc.buildAuthorizationUrl(configuration, {
        ...settings.parameters,
        redirect_uri: redirectUri,
        scope: settings.scope,
        state,
        nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      });
      return { url, attempt: { issuer: settings.name, state, nonce, verifier, returnTo } };
    },
    finish: async (url, { state, nonce, verifier }) => {
      const configuration = await discover();
      return answerOf(async () => {
        const checks = {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        };
        const answer = await oidc.authorizationCodeGrant(configuration, url, checks);
        const claims = answer.claims();
        if (claims === undefined) throw new TypeError("an ID token was checked and is not there");
        const email = await readEmail(configuration, claims, answer.access_token);
        return { subject: claims.sub, email, tokens: toTokens(answer, null) };
      });
    },
    refresh: async (tokens) => {
      const { refreshToken } = tokens;
      if (refreshToken === null) return { refused: "there is no refresh token" };
      const configuration = await discover();
      return answerOf(async () => toTokens(await oidc.refreshTokenGrant(configuration, refreshToken), tokens));
    },
    endSession: async (idToken) => {
      const configuration = await discover();
      if (configuration.serverMetadata().end_session_endpoint === undefined) return null;
      return oidc.buildEndSessionUrl(configuration, {
        post_logout_redirect_uri: `${publicOrigin}/sign-in/out`,
        ...(idToken === null ? {} : { id_token_hint: idToken }),
      });
    },
  };
}

async function askFor({ issuer, clientId, clientSecret }: IssuerSettings): Promise<oidc.Configuration> {
  const metadata = { [oidc.clockTolerance]: CLOCK_TOLERANCE_SECONDS };
  const proof = clientSecret === undefined ? oidc.None() : oidc.ClientSecretPost(clientSecret);
  const isPlain = issuer.startsWith("http:");
  // A signature of each ID token is checked too: the library would trust TLS alone.
  const execute = [oidc.enableNonRepudiationChecks, ...(isPlain ? [oidc.allowInsecureRequests] : [])];
  try {
    return await oidc.discovery(new URL(issuer), clientId, metadata, proof, {
      execute,
      timeout: TIMEOUT_SECONDS,
      [oidc.customFetch]: fetchFromIssuer,
    });
  } catch (error) {
    throw issuerFails(error);
  }
}

/** Only here is a `TypeError` the network's: `fetch` throws one where nobody answers. */
async function fetchFromIssuer(url: string, request: oidc.CustomFetchOptions): Promise<Response> {
  try {
    return await fetch(url, request as RequestInit);
  } catch (error) {
    throw issuerFails(error);
  }
}

const issuerFails = (cause: unknown) => new IssuerFailure("an issuer of sign-ins does not answer as one", { cause });

/** Tells what the issuer refused from what failed. What it says of our client's own secret is a failure: nobody is refused. */
async function answerOf<T>(ask: () => Promise<T>): Promise<T | IssuerRefusal> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof oidc.AuthorizationResponseError) return { refused: error.error };
    if (error instanceof oidc.ResponseBodyError && error.error === "invalid_grant") return { refused: error.error };
    if (error instanceof oidc.ClientError && INVALID_CODES.has(error.code ?? "")) return { refused: error.message };
    if (error instanceof TypeError) throw error;
    throw issuerFails(error);
  }
}

/** From the ID token, or from where the issuer tells more of somebody. Source: OpenID Connect Core 1.0, 5.4. */
async function readEmail(
  configuration: oidc.Configuration,
  claims: oidc.IDToken,
  accessToken: string,
): Promise<string | null> {
  const isThere = claims["email"] !== undefined || configuration.serverMetadata().userinfo_endpoint === undefined;
  const person = isThere ? claims : await oidc.fetchUserInfo(configuration, accessToken, claims.sub);
  const parsed = personSchema.safeParse(person);
  return parsed.success ? parsed.data.email.toLowerCase() : null;
}

/** What an answer to a refresh leaves out is as before. */
function toTokens(
  answer: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers,
  before: IssuerTokens | null,
): IssuedTokens {
  return {
    refreshToken: answer.refresh_token ?? before?.refreshToken ?? null,
    idToken: answer.id_token ?? before?.idToken ?? null,
    lifetimeSeconds: answer.expiresIn() ?? LIFETIME_SECONDS_OTHERWISE,
  };
}

/** Asks once for all who wait, and keeps the answer. A failure is not kept. */
function keepFor<T>(ms: number, nowMs: () => number, ask: () => Promise<T>): () => Promise<T> {
  let kept: { answer: Promise<T>; untilMs: number } | null = null;
  return () => {
    if (kept === null || nowMs() >= kept.untilMs) {
      const asked = { answer: ask(), untilMs: nowMs() + ms };
      kept = asked;
      asked.answer.catch(() => {
        if (kept === asked) kept = null;
      });
    }
    return kept.answer;
  };
}
