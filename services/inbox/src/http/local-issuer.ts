import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from "jose";
import type { TokenRules } from "./authentication.ts";

export interface LocalIssuer {
  rules: TokenRules;
  issue(agentId: string): Promise<string>;
}

const ISSUER = "turno-local";
const AUDIENCE = "turno-inbox";
const LIFETIME = "12h";

/**
 * Gives a token to whoever asks, for `npm start` and tests: the configuration refuses it in production. Its key is made
 * anew at each start and never leaves the process.
 */
export async function createLocalIssuer(): Promise<LocalIssuer> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), alg: "ES256", use: "sig" }] });
  return {
    rules: { issuer: ISSUER, audience: AUDIENCE, keys },
    issue: (agentId) =>
      new SignJWT({})
        .setProtectedHeader({ alg: "ES256" })
        .setSubject(agentId)
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setIssuedAt()
        .setExpirationTime(LIFETIME)
        .sign(privateKey),
  };
}
