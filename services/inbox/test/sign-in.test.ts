import { describe, expect, it } from "vitest";
import { configSchema } from "../src/config.ts";
import { readAttempt, returnPath } from "../src/sign-in/attempt.ts";
import { createSecret, hashSecret, openTokens, sealTokens } from "../src/sign-in/sealed-tokens.ts";

const TOKENS = { refreshToken: "refresh", idToken: null };

describe("the tokens of a sign-in", () => {
  it("are opened by the browser's secret alone, and where nobody changed them", () => {
    const [secret, other] = [createSecret(), createSecret()];
    const sealed = sealTokens(secret, TOKENS);
    expect(openTokens(secret, sealed)).toEqual(TOKENS);
    expect(sealed).not.toBe(sealTokens(secret, TOKENS));
    expect(Buffer.from(sealed, "base64url").toString("latin1")).not.toContain("refresh");
    expect(openTokens(other, sealed)).toBeNull();
    const bytes = Buffer.from(sealed, "base64url");
    for (let place = 0; place < bytes.length; place++) {
      const changed = Buffer.from(bytes);
      changed[place] = (changed[place] ?? 0) ^ 1;
      expect(openTokens(secret, changed.toString("base64url"))).toBeNull();
    }
    expect(openTokens(secret, "")).toBeNull();
    expect(openTokens(hashSecret(secret) ?? "", sealed)).toBeNull();
  });

  it.each(["", "x", `${"a".repeat(42)}=`, "a".repeat(44), "a".repeat(42) + "\n"])(
    "have no secret like %j",
    (secret) => {
      expect(hashSecret(secret)).toBeNull();
    },
  );
});

it.each([
  ["/console/c/1?find=a", "/console/c/1?find=a"],
  ["https://inbox.example/console", "/console"],
  [undefined, "/console"],
  ["//evil.example/console", "/console"],
  ["/\\evil.example/console", "/console"],
  ["https://evil.example/console", "/console"],
  ["https://inbox.example@evil.example/console", "/console"],
  ["/console/..//evil.example", "/console"],
  ["/consoles", "/console"],
  ["/v1/me", "/console"],
  ["javascript:alert(1)", "/console"],
  ["http://[", "/console"],
])("from %j one comes to %j", (wanted, path) => {
  expect(returnPath(wanted, "https://inbox.example")).toBe(path);
});

it.each(["", "e30", "bm8", "W10"])("%j is no attempt of ours", (value) => {
  expect(readAttempt(value)).toBeNull();
});

describe("the issuers", () => {
  const one = {
    name: "house",
    label: "House",
    issuer: "https://id.example",
    clientId: "turno",
    clientSecret: "hidden",
  };
  const faultsOf = (issuers: unknown, more: object = {}) => {
    const OIDC_ISSUERS = typeof issuers === "string" ? issuers : JSON.stringify(issuers);
    const environment = {
      DATABASE_URL: "postgres://a@b/c",
      PUBLIC_URL: "https://inbox.example",
      OIDC_ISSUERS,
      ...more,
    };
    const parsed = configSchema.safeParse(environment);
    const faults = (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
    expect(faults.join()).not.toContain("hidden");
    return faults;
  };

  it.each([
    ["is no JSON", '[{"clientSecret":"hidden"', ["OIDC_ISSUERS: is no JSON"]],
    [
      "is reached in the clear",
      [{ ...one, issuer: "http://id.example" }],
      ["OIDC_ISSUERS.0.issuer: is reached over https, or on this machine"],
    ],
    ["has a name twice", [one, { ...one, issuer: "https://b.example" }], ["OIDC_ISSUERS: names two issuers alike"]],
    ["is there twice", [one, { ...one, name: "b" }], ["OIDC_ISSUERS: has one issuer twice"]],
    ["has the name of a page", [{ ...one, name: "out" }], ["OIDC_ISSUERS.0.name: is the page of who has signed out"]],
    ["asks for no ID token", [{ ...one, scope: "email" }], ["OIDC_ISSUERS.0.scope: has openid in it"]],
    ["has a field that nobody knows", [{ ...one, secret: "hidden" }], ['OIDC_ISSUERS.0: Unrecognized key: "secret"']],
  ])("are refused where one %s, without its secret", (_what, issuers, faults) => {
    expect(faultsOf(issuers)).toEqual(faults);
  });

  it("need a public address and no local issuer, and may be on this machine", () => {
    expect(faultsOf([one], { PUBLIC_URL: undefined })).toEqual([
      expect.stringContaining("PUBLIC_URL: is needed") as string,
    ]);
    expect(faultsOf([one], { LOCAL_ISSUER: "on" })).toEqual([
      expect.stringContaining("LOCAL_ISSUER: cannot be on") as string,
    ]);
    expect(faultsOf([{ ...one, issuer: "http://127.0.0.1:8080/realms/a" }])).toEqual([]);
    expect(faultsOf("", { AUTH_ISSUER: "", AUTH_AUDIENCE: "", AUTH_JWKS_URL: "" })).toEqual([]);
  });
});
