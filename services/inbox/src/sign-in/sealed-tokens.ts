import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { z } from "zod";

const SECRET_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";
/** Keeps this key apart from any other that might come from the same secret. */
const PURPOSE = "turno sign-in: tokens of the issuer";

const tokensSchema = z.object({ refreshToken: z.string().nullable(), idToken: z.string().nullable() });

/** What the issuer gave, and what nobody but the browser that signed in may make use of. */
export type IssuerTokens = z.output<typeof tokensSchema>;

/** Returns a new secret of a sign-in: 256 random bits, for the browser's cookie alone. */
export const createSecret = (): string => randomBytes(SECRET_BYTES).toString("base64url");

/** Returns by what a secret is known in the database; null for what cannot be one. */
export function hashSecret(secret: string): string | null {
  if (!/^[\w-]{43}$/.test(secret)) return null;
  return createHash("sha256").update(Buffer.from(secret, "base64url")).digest("base64url");
}

const keyOf = (secret: string) =>
  Buffer.from(hkdfSync("sha256", Buffer.from(secret, "base64url"), "", PURPOSE, SECRET_BYTES));

/**
 * Encrypts tokens under a key that comes from the browser's secret: a copy of the database opens none, and nobody has to
 * keep a key. Sources: RFC 5869 (HKDF), NIST SP 800-38D (GCM).
 */
export function sealTokens(secret: string, tokens: IssuerTokens): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(secret), iv);
  const text = Buffer.concat([cipher.update(JSON.stringify(tokens), "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), text]).toString("base64url");
}

/** Returns the tokens; null where they were sealed with another secret, or changed since. */
export function openTokens(secret: string, sealed: string): IssuerTokens | null {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < IV_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv(CIPHER, keyOf(secret), bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  const start = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES));
  try {
    return tokensSchema.parse(JSON.parse(Buffer.concat([start, decipher.final()]).toString("utf8")));
  } catch {
    return null;
  }
}
