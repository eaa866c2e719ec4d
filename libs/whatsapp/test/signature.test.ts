import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createSignatureVerifier, isSignatureHeader, signatureOf } from "../src/index.ts";

const body = Buffer.from('{"object":"whatsapp_business_account","entry":[]}');
const spaced = Buffer.from('{"object": "whatsapp_business_account", "entry": []}');

test.each([
  ["test_app_secret", body, "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"],
  ["test_app_secret", spaced, "sha256=56cbbaf4961c6cfdae48b7f116c047e5eb513d2c931baae63a2bc1afd26f803a"],
  ["otro_secreto", body, "sha256=769b03d8c2ae6498f2d1e1f7299c0ba55448c69d741e7b0bb243d852d8a8d8c7"],
])("known vectors are reproduced: %s", (secret, bytes, header) => {
  expect(signatureOf(bytes, secret)).toBe(header);
  expect(createSignatureVerifier([secret]).findSecret(bytes, header)).toBe(0);
});

test.each([0, 1, 63, 64, 65, 200])("a secret of %i bytes signs as HMAC-SHA256 does", (length) => {
  const secret = "ñ".repeat(length).slice(0, length);
  const expected = createHmac("sha256", secret).update(spaced).digest("hex");
  expect(signatureOf(spaced, secret)).toBe(`sha256=${expected}`);
});

test.each([0, 32_768, 32_769, 1_000_000])(
  "a body of %i bytes is signed as HMAC-SHA256 does, and no other is",
  (length) => {
    const long = Buffer.alloc(length, "ñ");
    const digest = createHmac("sha256", "secret").update(long).digest("hex");
    const verifier = createSignatureVerifier(["secret"]);
    expect(verifier.findSecret(long, `sha256=${digest.toUpperCase()}`)).toBe(0);
    expect(verifier.findSecret(Buffer.concat([long, Buffer.of(0)]), `sha256=${digest}`)).toBe(-1);
  },
);

describe("a list of secrets", () => {
  const verifier = createSignatureVerifier(["new", "old"]);
  test("accepts the old and the new one", () => {
    expect(verifier.findSecret(body, signatureOf(body, "new"))).toBe(0);
    expect(verifier.findSecret(body, signatureOf(body, "old"))).toBe(1);
  });
  test("refuses another one, and other bytes", () => {
    expect(verifier.findSecret(body, signatureOf(body, "other"))).toBe(-1);
    expect(verifier.findSecret(spaced, signatureOf(body, "new"))).toBe(-1);
  });
});

test.each([
  [true, "sha256=", 64],
  [false, "sha256=", 63],
  [false, "sha256=", 65],
  [false, "sha256=", 0],
  [false, "sha1=", 64],
  [false, "", 64],
])("whether a signature header has its shape: %s for %s and %i digits", (isHeader, prefix, digits) => {
  expect(isSignatureHeader(prefix + "0".repeat(digits))).toBe(isHeader);
});

test("no header, or other characters, is no signature header", () => {
  expect(isSignatureHeader(undefined)).toBe(false);
  expect(isSignatureHeader(`sha256=${"g".repeat(64)}`)).toBe(false);
});
