import { createHmac, hash, timingSafeEqual } from "node:crypto";

const HEADER = /^sha256=[0-9a-f]{64}$/i;
const PREFIX_LENGTH = "sha256=".length;
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

/** Returns whether an `X-Hub-Signature-256` header has its shape: `sha256=` and 64 hexadecimal digits. */
export function isSignatureHeader(header: string | undefined): header is string {
  return header !== undefined && HEADER.test(header);
}

export interface SignatureVerifier {
  /**
   * Returns the index of the secret that signed exactly these bytes, or -1 if none of them did. `header` must have passed
   * `isSignatureHeader`.
   */
  findSecret(body: Uint8Array, header: string): number;
}

/**
 * Creates a verifier for a list of secrets, so that an old one and its successor overlap for Meta's seven days of
 * resends.
 */
export function createSignatureVerifier(secrets: readonly string[]): SignatureVerifier {
  const keys = secrets.map(padKey);
  const given = Buffer.alloc(2 * DIGEST_BYTES);
  const expected = Buffer.alloc(2 * DIGEST_BYTES);
  return {
    findSecret(body, header) {
      given.write(header.slice(PREFIX_LENGTH).toLowerCase(), "latin1");
      // Every secret is tried, so that the time taken does not tell which one matched.
      let found = -1;
      for (const [index, key] of keys.entries()) {
        expected.write(hmac(key, body), "latin1");
        if (timingSafeEqual(expected, given) && found === -1) found = index;
      }
      return found;
    },
  };
}

/** Returns the header that Meta would send with this body: for simulators, tests and posting by hand. */
export function signatureOf(body: Uint8Array, secret: string): string {
  return `sha256=${hmac(padKey(secret), body)}`;
}

interface PaddedKey {
  secret: string;
  inner: Buffer;
  /** The outer block with room for the inner digest behind it. */
  outer: Buffer;
}

/** The longest body that is copied behind the inner block; a longer one costs less with a `createHmac` object. */
const COPIED_BYTES_MAX = 32 * 1024;

/** RFC 2104 by hand: two one-shot hashes cost less in a server than a `createHmac` object for each request. */
function padKey(secret: string): PaddedKey {
  let key = Buffer.from(secret, "utf8");
  if (key.length > BLOCK_BYTES) key = hash("sha256", key, "buffer");
  const inner = Buffer.alloc(BLOCK_BYTES, 0x36);
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0x5c);
  for (const [index, byte] of key.entries()) {
    inner[index] = 0x36 ^ byte;
    outer[index] = 0x5c ^ byte;
  }
  return { secret, inner, outer };
}

/** Returns the digest as hexadecimal digits: a string costs half of a buffer. */
function hmac({ secret, inner, outer }: PaddedKey, body: Uint8Array): string {
  if (body.length > COPIED_BYTES_MAX) return createHmac("sha256", secret).update(body).digest("hex");
  outer.write(hash("sha256", Buffer.concat([inner, body]), "hex"), BLOCK_BYTES, "hex");
  return hash("sha256", outer, "hex");
}
