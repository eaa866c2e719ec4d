import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { senderConfig } from "../src/config.ts";
import { createTokenVault, TokenUnreadable } from "../src/tokens/token-vault.ts";

const keyOf = (id: string) => ({ id, bytes: Buffer.alloc(32, id) });
const vaultOf = (...ids: string[]) => createTokenVault(ids.map(keyOf), { randomBytes });
const place = { scope: "account", key: "100" };
const TOKEN = "EAAofThisTest1";

describe("a token that is kept", () => {
  it("is opened by each vault that has its key, as the one of its place, and is never the same twice", () => {
    const sealed = vaultOf("a").seal(place, TOKEN);
    expect(sealed.keyId).toBe("a");
    expect(vaultOf("b", "a").open({ ...place, ...sealed })).toBe(TOKEN);
    expect(vaultOf("a").seal(place, TOKEN).sealed).not.toBe(sealed.sealed);
    expect(Buffer.from(sealed.sealed, "base64").includes(TOKEN)).toBe(false);
  });

  it("cannot be read as another place's, under another key, changed or cut, and the error does not hold it", () => {
    const sealed = { ...place, ...vaultOf("a").seal(place, TOKEN) };
    const bytes = Buffer.from(sealed.sealed, "base64");
    const flipped = [...bytes.keys()].map((index) =>
      Buffer.from(bytes.map((byte, at) => (at === index ? byte ^ 1 : byte))),
    );
    const cut = [0, 11, 12, 27, 28, bytes.length - 1].map((length) => bytes.subarray(0, length));
    const broken = [
      { ...sealed, key: "101" },
      { ...sealed, scope: "channel" },
      { ...sealed, keyId: "b" },
      { ...sealed, keyId: "c" },
      ...[...flipped, ...cut].map((changed) => ({ ...sealed, sealed: changed.toString("base64") })),
    ];
    for (const row of broken) {
      const open = () => vaultOf("a", "b").open(row);
      expect(open, JSON.stringify(row)).toThrow(TokenUnreadable);
      expect(open).not.toThrow(TOKEN);
    }
  });

  it("has a name by the first key, which says nothing without that key", () => {
    const [one, other] = [vaultOf("a").fingerprint(TOKEN), vaultOf("b").fingerprint(TOKEN)];
    expect(one).toMatch(/^[0-9a-f]{16}$/);
    expect([vaultOf("a", "b").fingerprint(TOKEN), one === other]).toEqual([one, false]);
  });
});

describe("TOKEN_KEYS", () => {
  const read = (TOKEN_KEYS: string, WHATSAPP_ACCESS_TOKEN = "") =>
    senderConfig.safeParse({ DATABASE_URL: "postgres://turno@localhost/turno", TOKEN_KEYS, WHATSAPP_ACCESS_TOKEN });
  const whole = Buffer.alloc(32, 1).toString("base64");

  it("are named keys of 32 bytes, the first of which encrypts", () => {
    const { data } = read(`2026:${whole}, 2025:${Buffer.alloc(32, 2).toString("base64")}`);
    expect(data?.TOKEN_KEYS.map(({ id, bytes }) => [id, bytes.length])).toEqual([
      ["2026", 32],
      ["2025", 32],
    ]);
  });

  it("may be left out where there is a token for all, and not beside none", () => {
    expect(read("", "token").data?.TOKEN_KEYS).toEqual([]);
    expect(read("").error?.issues).toMatchObject([{ path: ["WHATSAPP_ACCESS_TOKEN"] }]);
  });

  it.each([whole, `a:${whole.slice(4)}`, `a:${whole}==`, `a:${whole},a:${whole}`, `a b:${whole}`, "a:"])(
    "are refused where one is not: %s",
    (text) => {
      const { error } = read(text, "token");
      expect(error?.issues).toMatchObject([{ path: ["TOKEN_KEYS"] }]);
      expect(JSON.stringify(error?.issues)).not.toContain(whole);
    },
  );
});
