import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createLocalJWKSet } from "jose";
import { http, HttpResponse, passthrough } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { configSchema } from "../src/config.ts";
import { createAuthentication, KeyFailure, remoteKeys, type Authenticate } from "../src/http/authentication.ts";
import { createLocalIssuer } from "../src/http/local-issuer.ts";
import { createRateLimit } from "../src/http/rate-limit.ts";
import { rememberTokens } from "../src/http/remember-tokens.ts";

const AGENT = "00000000-0000-7000-8000-000200000000";
const KEYS_URL = "https://issuer.test/keys";
/** Nobody listens there. */
const NOWHERE_URL = "http://127.0.0.1:9/keys";

const network = setupServer();
beforeAll(() => network.listen({ onUnhandledFrame: "error" }));
afterEach(() => network.resetHandlers());
afterAll(() => network.close());

async function createIssuer() {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const key = { ...(await exportJWK(publicKey)), kid: "1", alg: "ES256" };
  const keys = createLocalJWKSet({ keys: [key] });
  const sign = (claims: { sub?: string; iss?: string; aud?: string; exp?: number | null } = {}) => {
    const { sub = AGENT, iss = "issuer", aud = "inbox", exp = Math.floor(Date.now() / 1000) + 60 } = claims;
    const token = new SignJWT({ sub, iss, aud, ...(exp === null ? {} : { exp }) });
    return token.setProtectedHeader({ alg: "ES256", kid: "1" }).sign(privateKey);
  };
  return { key, sign, authenticate: createAuthentication({ issuer: "issuer", audience: "inbox", keys }) };
}

describe("a token", () => {
  it("says who it is and until when, where issuer, audience, expiry and signature are right", async () => {
    const { sign, authenticate } = await createIssuer();
    expect(await authenticate(`Bearer ${await sign()}`)).toMatchObject({ issuer: "issuer", subject: AGENT });
    expect(await authenticate(`Bearer ${await sign({ iss: "other" })}`)).toBeNull();
    expect(await authenticate(`Bearer ${await sign({ aud: "other" })}`)).toBeNull();
    expect(await authenticate(`Bearer ${await sign({ exp: Math.floor(Date.now() / 1000) - 60 })}`)).toBeNull();
    expect(await authenticate(`Bearer ${await sign({ exp: null })}`)).toBeNull();
    expect(await authenticate(`Bearer ${await sign({ sub: "" })}`)).toBeNull();
    expect(await authenticate(`Bearer ${await sign({ sub: "some\u0000body" })}`)).toBeNull();
    expect(await authenticate(`Bearer ${await sign({ sub: "s".repeat(256) })}`)).toBeNull();
    expect(await authenticate(await sign())).toBeNull();
    expect(await authenticate(undefined)).toBeNull();
    const stranger = await createIssuer();
    expect(await authenticate(`Bearer ${await stranger.sign()}`)).toBeNull();
  });

  it("cannot choose how it is checked: a shared secret made of the public key is refused", async () => {
    const { key, authenticate } = await createIssuer();
    const secret = new TextEncoder().encode(JSON.stringify(key).padEnd(64));
    const token = await new SignJWT({ sub: AGENT, iss: "issuer", aud: "inbox", exp: 4_000_000_000 })
      .setProtectedHeader({ alg: "HS256", kid: "1" })
      .sign(secret);
    expect(await authenticate(`Bearer ${token}`)).toBeNull();
  });

  it("is checked with keys that are fetched once", async () => {
    const { key, sign } = await createIssuer();
    let fetches = 0;
    network.use(
      http.get(KEYS_URL, () => {
        fetches += 1;
        return HttpResponse.json({ keys: [key] });
      }),
    );
    const authenticate = createAuthentication({ issuer: "issuer", audience: "inbox", keys: remoteKeys(KEYS_URL) });
    const authorization = `Bearer ${await sign()}`;
    for (let index = 0; index < 5; index++) expect(await authenticate(authorization)).not.toBeNull();
    // What is known is good while the key server is away.
    network.use(http.get(KEYS_URL, () => new HttpResponse(null, { status: 503 })));
    expect(await authenticate(authorization)).not.toBeNull();
    expect(fetches).toBe(1);
  });

  it.each([
    ["is away", () => passthrough()],
    ["is out of order", () => new HttpResponse("<h1>502</h1>", { status: 502 })],
    ["answers something else than keys", () => HttpResponse.json({ hello: "world" })],
    ["answers no JSON", () => new HttpResponse("<h1>hello</h1>")],
  ])("is not said to be wrong while the key server %s", async (_what, answer) => {
    network.use(http.get(NOWHERE_URL, answer));
    const { sign } = await createIssuer();
    const authenticate = createAuthentication({ issuer: "issuer", audience: "inbox", keys: remoteKeys(NOWHERE_URL) });
    await expect(authenticate(`Bearer ${await sign()}`)).rejects.toBeInstanceOf(KeyFailure);
  });

  it("is neither wrong nor held up by its keys where a defect meets it", async () => {
    const { sign } = await createIssuer();
    const keys = () => Promise.reject(new TypeError("planted"));
    const authenticate = createAuthentication({ issuer: "issuer", audience: "inbox", keys });
    await expect(authenticate(`Bearer ${await sign()}`)).rejects.toThrow(new TypeError("planted"));
  });

  it("of a key that the issuer does not have is wrong", async () => {
    const [{ key }, stranger] = await Promise.all([createIssuer(), createIssuer()]);
    network.use(http.get(KEYS_URL, () => HttpResponse.json({ keys: [{ ...key, kid: "2" }] })));
    const authenticate = createAuthentication({ issuer: "issuer", audience: "inbox", keys: remoteKeys(KEYS_URL) });
    expect(await authenticate(`Bearer ${await stranger.sign()}`)).toBeNull();
  });

  it("of the local issuer is good for this process only", async () => {
    const [here, there] = await Promise.all([createLocalIssuer(), createLocalIssuer()]);
    const token = `Bearer ${await here.issue(AGENT)}`;
    expect(await createAuthentication(here.rules)(token)).toMatchObject({ subject: AGENT });
    expect(await createAuthentication(there.rules)(token)).toBeNull();
  });
});

describe("a token that is sent again and again", () => {
  const openDoor = (authenticate: Authenticate) => {
    const clock = { ms: 0 };
    const checked: (string | undefined)[] = [];
    const verify: Authenticate = (authorization) => {
      checked.push(authorization);
      return authenticate(authorization);
    };
    const started = Date.now();
    const admit = rememberTokens(verify, { nowMs: () => clock.ms, now: () => started + clock.ms });
    return { clock, checked, admit };
  };

  it("is checked once a minute, or until it ends, because the issuer may have withdrawn its key", async () => {
    const { sign, authenticate } = await createIssuer();
    const { clock, checked, admit } = openDoor(authenticate);
    const [short, long] = await Promise.all(
      [30, 3_600].map((seconds) => Date.now() / 1000 + seconds).map(async (exp) => `Bearer ${await sign({ exp })}`),
    );
    for (let count = 0; count < 50; count++) {
      for (const token of [short, long]) expect(await admit(token, () => true)).toMatchObject({ subject: AGENT });
    }
    expect(checked).toEqual([short, long]);
    clock.ms = 31_000;
    await admit(short, () => true);
    await admit(long, () => true);
    clock.ms = 60_000;
    await admit(long, () => true);
    expect(checked).toEqual([short, long, short, long]);
  });

  it("costs nothing where it is wrong, beyond what may be checked, and shuts out nobody who is signed in", async () => {
    const { sign, authenticate } = await createIssuer();
    const stranger = await createIssuer();
    const { clock, checked, admit } = openDoor(authenticate);
    const good = `Bearer ${await sign({ exp: Date.now() / 1000 + 3_600 })}`;
    await admit(good, () => true);
    let left = 3;
    const mayVerify = () => left-- > 0;
    const bad = await Promise.all(Array.from({ length: 10 }, async () => `Bearer ${await stranger.sign()}`));
    const answers = [];
    for (const token of bad) answers.push(await admit(token, mayVerify));
    expect(answers).toEqual([...Array(3).fill("invalid"), ...Array(7).fill("too-many")]);
    expect(checked).toHaveLength(4);
    clock.ms = 600_000;
    expect(await admit(good, mayVerify)).toMatchObject({ subject: AGENT });
  });
});

describe("the configuration", () => {
  const base = { DATABASE_URL: "postgres://x" };
  const isFine = (more: object) => configSchema.safeParse({ ...base, ...more }).success;

  it("refuses the local issuer in production and beside a real one, and half a real one", () => {
    const real = { AUTH_ISSUER: "i", AUTH_AUDIENCE: "a", AUTH_JWKS_URL: "https://issuer.example/keys" };
    expect(isFine({})).toBe(true);
    expect(isFine({ LOCAL_ISSUER: "on" })).toBe(true);
    expect(isFine({ ...real, NODE_ENV: "production" })).toBe(true);
    expect(isFine({ LOCAL_ISSUER: "on", NODE_ENV: "production" })).toBe(false);
    expect(isFine({ ...real, LOCAL_ISSUER: "on" })).toBe(false);
    expect(isFine({ AUTH_ISSUER: "i" })).toBe(false);
  });
});

describe("the rate limit", () => {
  it("lets a burst through, then so many a second, each caller for itself, and does not grow without bound", () => {
    let now = 0;
    const limit = createRateLimit({ perSecond: 2, burst: 3, nowMs: () => now });
    const take = (key: string, count: number) =>
      Array.from({ length: count }, () => limit.take(key)).filter(Boolean).length;
    expect(take("a", 10)).toBe(3);
    expect(take("b", 10)).toBe(3);
    now += 1_000;
    expect(take("a", 10)).toBe(2);
    for (let index = 0; index < 20_000; index++) limit.take(`flood ${index}`);
    expect(limit.take("a new one")).toBe(false);
    now += 10_000;
    expect(limit.take("a new one")).toBe(true);
  });
});
