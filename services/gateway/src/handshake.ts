import { hash, timingSafeEqual } from "node:crypto";

export interface Handshake {
  /** Returns the challenge to echo, or null if the request is not Meta's. */
  answer(query: { mode: string | undefined; token: string | undefined; challenge: string | undefined }): string | null;
}

/** Bounded and printable, because it is reflected. */
const CHALLENGE = /^[\x20-\x7e]{1,256}$/;

/**
 * Creates the answer to Meta's GET when a callback is set: `hub.mode=subscribe`, one of our tokens, and a challenge to
 * echo.
 */
export function createHandshake(tokens: readonly string[]): Handshake {
  const digests = tokens.map(digest);
  return {
    answer({ mode, token, challenge }) {
      if (mode !== "subscribe" || token === undefined || challenge === undefined) return null;
      const given = digest(token);
      // Every token is compared, so that the time taken does not tell which one matched.
      let isKnown = false;
      for (const known of digests) isKnown = timingSafeEqual(known, given) || isKnown;
      return isKnown && CHALLENGE.test(challenge) ? challenge : null;
    },
  };
}

/** Returns a digest: of equal length whatever the token's, as the constant-time comparison needs. */
function digest(token: string): Buffer {
  return hash("sha256", token, "buffer");
}
