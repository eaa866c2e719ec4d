import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { Failure } from "@turno/runtime";

/** A key of `TOKEN_KEYS`: 32 bytes, and the name that stands beside what it encrypts. */
export interface TokenKey {
  id: string;
  bytes: Buffer;
}

/** Whose a token is: it can be opened as nobody else's. */
interface TokenPlace {
  scope: string;
  key: string;
}

/** A token as the database holds it. */
export interface SealedToken extends TokenPlace {
  fingerprint: string;
  keyId: string;
  /** Base64 of nonce, tag and ciphertext. */
  sealed: string;
}

/** A row holds no token that this sender can open. Its message names the place, and nothing of the token. */
export class TokenUnreadable extends Failure {
  override readonly retryable = false;
}

export interface TokenVault {
  /** The keys' names. The first encrypts. */
  readonly keyIds: readonly string[];
  seal(place: TokenPlace, token: string): { keyId: string; sealed: string };
  /** Throws a `TokenUnreadable`. */
  open(sealed: Omit<SealedToken, "fingerprint">): string;
  /** Returns a name of the token that cannot be guessed back without the first key. */
  fingerprint(token: string): string;
}

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FINGERPRINT_LENGTH = 16;

/** Binds what is encrypted to its place, so that nobody moves a row to another business. */
const boundTo = ({ scope, key }: TokenPlace) => Buffer.from(`turno access token ${scope} ${key}`);

/** Creates what encrypts and opens tokens, by AES-256-GCM. Without a key it can do neither. */
export function createTokenVault(
  keys: readonly TokenKey[],
  { randomBytes }: { randomBytes: (size: number) => Buffer },
): TokenVault {
  const byId = new Map(keys.map(({ id, bytes }) => [id, bytes]));
  const first = () => {
    const [key] = keys;
    if (key === undefined) throw new Error("TOKEN_KEYS is not set");
    return key;
  };
  return {
    keyIds: [...byId.keys()],
    seal(place, token) {
      const { id: keyId, bytes } = first();
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, bytes, nonce, { authTagLength: TAG_BYTES }).setAAD(boundTo(place));
      const encrypted = Buffer.concat([cipher.update(token, "utf8"), cipher.final()]);
      return { keyId, sealed: Buffer.concat([nonce, cipher.getAuthTag(), encrypted]).toString("base64") };
    },
    open({ scope, key, keyId, sealed }) {
      const bytes = byId.get(keyId);
      if (bytes === undefined) throw unreadable({ scope, key }, `it is encrypted by ${keyId}, which TOKEN_KEYS lacks`);
      const whole = Buffer.from(sealed, "base64");
      const [nonce, tag] = [whole.subarray(0, NONCE_BYTES), whole.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)];
      try {
        const decipher = createDecipheriv(CIPHER, bytes, nonce, { authTagLength: TAG_BYTES });
        decipher.setAAD(boundTo({ scope, key })).setAuthTag(tag);
        return Buffer.concat([decipher.update(whole.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString();
      } catch (cause) {
        throw unreadable({ scope, key }, `${keyId} does not open it`, cause);
      }
    },
    fingerprint(token) {
      const key = Buffer.from(hkdfSync("sha256", first().bytes, "", "turno token fingerprint", 32));
      return createHmac("sha256", key).update(token).digest("hex").slice(0, FINGERPRINT_LENGTH);
    },
  };
}

const unreadable = ({ scope, key }: TokenPlace, why: string, cause?: unknown) =>
  new TokenUnreadable(`the access token of ${scope} ${key} cannot be read: ${why}`, { cause });
