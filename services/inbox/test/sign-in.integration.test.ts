import { createStage, shiftClock, stageAgent, STAGE_GROUP, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ADMIN, configureInbox } from "./fixtures.ts";
import { startIssuer, type TestIssuer } from "@turno/testing/identity-provider";
import { WebClient } from "./signing-in.ts";

const PUBLIC = "https://inbox.example.org";
const COOKIE = "__Host-turno_sign_in";
const ATTEMPT = "__Host-turno_attempt";
const MINUTE_MS = 60_000;

let stage: Stage;
let [house, partner]: TestIssuer[] = [];
let urls: string[] = [];
const issuer = () => house as TestIssuer;
beforeAll(async () => {
  stage = await createStage();
  [house, partner] = await Promise.all([startIssuer(PUBLIC, ["house"]), startIssuer(PUBLIC, ["partner"])]);
  const issuers = [
    house?.settings("house", "the house"),
    { ...partner?.settings("partner", "the partner"), matchesEmail: false },
  ];
  const environment = {
    OIDC_ISSUERS: JSON.stringify(issuers),
    PUBLIC_URL: PUBLIC,
    AUTH_ISSUER: issuer().url,
    AUTH_AUDIENCE: "turno",
    AUTH_JWKS_URL: `${issuer().url}/jwks`,
  };
  const [first, second] = await Promise.all([
    stage.start("inbox", environment),
    stage.start("inbox", environment),
    stage.start("router"),
  ]);
  urls = [first.url, second.url];
  stage.keep();
});
beforeEach(async () => {
  await configureInbox(stage);
  await configureAgent({ email: "Ana@example.org" });
  issuer().people.set("ana", { email: "ana@example.org", email_verified: true });
});
afterEach(async () => {
  issuer().setAway(false);
  issuer().setSlow(0);
  await shiftClock(stage, 0);
  await stage.clear();
});
afterAll(async () => {
  await Promise.all([house?.stop(), partner?.stop()]);
  await stage.stop();
});

const browse = () => new WebClient(PUBLIC, urls[0] ?? "");
const configureAgent = (more: object, index = 0) =>
  stage.command("configure", {
    agents: [{ id: stageAgent(index), name: `Agent ${index}`, groupIds: [STAGE_GROUP], ...more }],
  });
const logins = () => stage.sql`select subject, agent_id as "agentId" from agent_logins order by subject`;
const signIns = async () => (await stage.sql`select 1 from sign_ins`).length;

async function signedIn(login = "ana"): Promise<WebClient> {
  const web = browse();
  expect(await web.signIn("house", login)).toMatchObject({ status: 303 });
  return web;
}

describe("who signs in", () => {
  it("is known by a verified address, and from then on by the login", async () => {
    const web = browse();
    expect((await web.ask("/console/c/x?y=1")).status).toBe(404);
    expect((await web.ask("/console?find=z")).text).toContain('href="/sign-in/house?to=%2Fconsole%3Ffind%3Dz"');
    expect(await web.signIn("house", "ana", "/console?find=z")).toMatchObject({ location: `${PUBLIC}/console?find=z` });
    expect((await web.ask("/console")).text).toContain("<strong>Agent 0</strong>");
    expect(await logins()).toEqual([{ subject: "ana", agentId: stageAgent(0) }]);
    const cookie = web.given.find((line) => line.startsWith(`${COOKIE}=`)) ?? "";
    expect(cookie).toMatch(/^__Host-turno_sign_in=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Lax$/);

    await configureAgent({ email: null });
    issuer().people.set("ana", { email: "married@example.org", email_verified: true });
    expect((await (await signedIn()).ask("/console")).text).toContain("<strong>Agent 0</strong>");
  });

  it.each([
    ["an address that is not verified", { email: "ana@example.org", email_verified: false }, "no verified e-mail"],
    ["an address that nobody has here", { email: "eve@example.org", email_verified: true }, "known as eve@example.org"],
    ["no address", {}, "no verified e-mail"],
  ])("is nobody with %s, and is told what to say to an admin", async (_what, person, told) => {
    issuer().people.set("eve", person);
    const web = browse();
    const { status, text } = await web.signIn("house", "eve");
    expect([status, text]).toEqual([403, expect.stringContaining(told)]);
    expect(text).toContain(`<code>${issuer().url}</code>`);
    expect([await logins(), await signIns(), web.cookie(COOKIE)]).toEqual([[], 0, undefined]);
  });

  it("is not another one to whom the address was given, nor whom an issuer says that is not asked for addresses", async () => {
    await signedIn();
    issuer().people.set("ana2", { email: "ana@example.org", email_verified: true });
    expect(await browse().signIn("house", "ana2")).toMatchObject({ status: 403 });
    partner?.people.set("eve", { email: "ana@example.org", email_verified: true });
    expect(await browse().signIn("partner", "eve")).toMatchObject({ status: 403 });
    await configureAgent({ logins: [{ issuer: partner?.url ?? "", subject: "eve" }] });
    expect(await browse().signIn("partner", "eve")).toMatchObject({ status: 303 });
  });

  it("is told to be deactivated", async () => {
    const web = await signedIn();
    await configureAgent({ active: false, groupIds: [] });
    expect(await web.ask("/console")).toMatchObject({
      status: 403,
      text: expect.stringContaining("is deactivated") as string,
    });
    const again = await browse().signIn("house", "ana");
    expect(again).toMatchObject({ status: 403, text: expect.stringContaining("You are deactivated") as string });
  });
});

describe("an answer of an issuer", () => {
  it("counts in the browser that asked for it alone, and once", async () => {
    const [ana, eve] = [browse(), browse()];
    const own = await ana.vouch("house", "ana");
    expect(await eve.ask(own)).toMatchObject({ status: 400 });
    const eves = await eve.vouch("house", "ana");
    expect(await ana.ask(eves)).toMatchObject({ status: 400 });
    expect(await eve.ask(eves)).toMatchObject({ status: 303 });
    expect(await eve.ask(eves)).toMatchObject({ status: 400 });
    expect(await signIns()).toBe(1);
  });

  it.each(["state", "nonce", "verifier", "issuer"])("is refused where the attempt has another %s", async (member) => {
    const web = browse();
    const back = await web.vouch("house", "ana");
    const attempt = JSON.parse(Buffer.from(web.cookie(ATTEMPT) ?? "", "base64url").toString()) as Record<
      string,
      string
    >;
    attempt[member] = member === "issuer" ? "partner" : "v".repeat(43);
    web.setCookie(ATTEMPT, Buffer.from(JSON.stringify(attempt)).toString("base64url"));
    expect(await web.ask(back)).toMatchObject({ status: 400 });
    expect(await signIns()).toBe(0);
  });

  it("is not looked at where the issuer says no, and leads to no other site", async () => {
    const web = browse();
    const back = new URL(await web.vouch("house", "ana", "//evil.example/console"));
    const state = back.searchParams.get("state") ?? "";
    const denied = `/sign-in/house/callback?${new URLSearchParams({ error: "access_denied", state, iss: issuer().url }).toString()}`;
    expect(await web.ask(denied)).toMatchObject({
      status: 400,
      text: expect.stringContaining("access_denied") as string,
    });
    expect(await web.signIn("house", "ana", "//evil.example/console")).toMatchObject({ location: `${PUBLIC}/console` });
  });
});

describe("a sign-in", () => {
  it("is refreshed once, whoever asks on whichever replica, and nobody is signed out by it", async () => {
    const web = await signedIn();
    const before = issuer().refreshes();
    issuer().setSlow(300);
    await shiftClock(stage, 70 * MINUTE_MS);
    const tabs = urls.flatMap((url) => Array.from({ length: 4 }, () => web.at(url)));
    const pages = await Promise.all(tabs.map((tab) => tab.ask("/console")));
    expect(pages.map(({ status }) => status)).toEqual(tabs.map(() => 200));
    expect(issuer().refreshes() - before).toBe(1);
    // Before the token ends nobody waits for it.
    await shiftClock(stage, 110 * MINUTE_MS);
    expect(await web.ask("/console")).toMatchObject({ status: 200 });
    await waitFor(() => issuer().refreshes() - before === 2, { what: "it was refreshed beside the page" });
  });

  it("outlives a slower refresh, which is refused because its token was used meanwhile", async () => {
    const web = await signedIn();
    const { arrived, release } = issuer().hold();
    await shiftClock(stage, 61 * MINUTE_MS);
    const slower = web.at(urls[0] ?? "").ask("/console");
    await arrived;
    // Its lease is over, as if its process had been paused.
    await shiftClock(stage, 62 * MINUTE_MS);
    expect(await web.at(urls[1] ?? "").ask("/console")).toMatchObject({ status: 200 });
    release();
    expect(await slower).toMatchObject({ status: 200 });
    expect(await web.ask("/console")).toMatchObject({ status: 200 });
  });

  it("goes on while the issuer is away until its token ends, and afterwards when the issuer is back", async () => {
    const web = await signedIn();
    issuer().setAway(true);
    await shiftClock(stage, 40 * MINUTE_MS);
    expect(await web.ask("/console")).toMatchObject({ status: 200 });
    await shiftClock(stage, 61 * MINUTE_MS);
    await waitFor(async () => (await web.ask("/console")).status === 503, {
      what: "the page says that the issuer is away",
    });
    expect(await browse().ask("/sign-in/partner")).toMatchObject({ status: 303 });
    issuer().setAway(false);
    await shiftClock(stage, 62 * MINUTE_MS);
    expect(await web.ask("/console")).toMatchObject({ status: 200 });
  });

  it("ends when the issuer refuses to refresh it", async () => {
    const web = await signedIn();
    await issuer().revoke();
    await shiftClock(stage, 61 * MINUTE_MS);
    expect(await web.ask("/console")).toMatchObject({
      status: 401,
      text: expect.stringContaining("You are signed out") as string,
    });
    expect(await signIns()).toBe(0);
  });

  it("ends after its time without use, and at last in any case; what is over is tidied up", async () => {
    const web = await signedIn();
    for (const hours of [1.5, 3, 4.5, 6, 7.5, 9, 10.5]) {
      await shiftClock(stage, hours * 60 * MINUTE_MS);
      expect(await web.ask("/console")).toMatchObject({ status: 200 });
    }
    await shiftClock(stage, 12.1 * 60 * MINUTE_MS);
    expect(await web.ask("/console")).toMatchObject({ status: 401 });
    const idle = await signedIn();
    expect(await signIns()).toBe(1);
    await shiftClock(stage, 14.2 * 60 * MINUTE_MS);
    expect(await idle.ask("/console")).toMatchObject({ status: 401 });
  });

  it("ends where it is left, at the issuer too, and where its login is withdrawn; nothing in the database opens it", async () => {
    const web = await signedIn();
    const [row] = await stage.sql`select * from sign_ins`;
    expect(JSON.stringify(row)).not.toContain(web.cookie(COOKIE));
    const secret = web.cookie(COOKIE) ?? "";
    const left = await web.ask("/console/logout", {});
    expect(left.text).toMatch(
      /<meta http-equiv="refresh" content="0; url=http:[^"]+\/session\/end\?[^"]+id_token_hint=/,
    );
    expect([await signIns(), web.cookie(COOKIE)]).toEqual([0, undefined]);
    web.setCookie(COOKIE, secret);
    expect(await web.ask("/console")).toMatchObject({ status: 401 });
    const other = await signedIn();
    await configureAgent({ logins: [] });
    expect(await other.ask("/console")).toMatchObject({ status: 401 });
  });

  it("takes no form of another site, and is nothing to the API; a token of the issuer is, by its login", async () => {
    const web = await signedIn();
    const cookie = `${COOKIE}=${web.cookie(COOKIE)}`;
    const body = new URLSearchParams({ agentId: stageAgent(0), availability: "away" });
    const headers = { cookie, origin: "https://evil.example" };
    expect(await fetch(`${urls[0]}/console/availability`, { method: "POST", headers, body })).toMatchObject({
      status: 403,
    });
    expect(await fetch(`${urls[0]}/v1/me`, { headers: { cookie } })).toMatchObject({ status: 401 });
    const token = /id_token_hint=([\w.-]+)/.exec((await web.ask("/console/logout", {})).text)?.[1];
    const me = () => fetch(`${urls[0]}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(await (await me()).json()).toMatchObject({ agentId: stageAgent(0) });
    await configureAgent({ logins: [] });
    expect(await me()).toMatchObject({ status: 403 });
  });
});

it("two agents have no address or login in common, and may exchange them", async () => {
  const shared = { issuer: "https://issuer.example", subject: "s" };
  await configureAgent({ logins: [shared] });
  const refusals = [{ email: "ANA@example.org" }, { logins: [shared] }].map((more) =>
    stage.request("configure", {
      actor: { kind: "agent", agentId: stageAgent(ADMIN) },
      agents: [{ id: stageAgent(1), name: "Agent 1", ...more }],
    }),
  );
  const words = (await Promise.all(refusals)).map((reply) => ("refusal" in reply ? reply.refusal.message : "done"));
  expect(words).toEqual([
    `agents.email: ana@example.org is ${stageAgent(0)}'s already.`,
    `agents.logins: s of https://issuer.example is ${stageAgent(0)}'s already.`,
  ]);
  const both = [0, 1].map((index) => ({ id: stageAgent(index), name: "A", email: "a@example.org", logins: [shared] }));
  await expect(stage.command("configure", { agents: both })).rejects.toThrow("stands twice");
  await configureAgent({ email: "bruno@example.org" }, 1);
  await stage.command("configure", {
    agents: [
      { id: stageAgent(0), name: "Agent 0", email: "bruno@example.org", logins: [] },
      { id: stageAgent(1), name: "Agent 1", email: "ana@example.org", logins: [shared] },
    ],
  });
  expect(await logins()).toEqual([{ subject: "s", agentId: stageAgent(1) }]);
});
