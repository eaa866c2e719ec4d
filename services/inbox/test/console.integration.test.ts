import { createStage, stageAgent, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { configureInbox, openConversation } from "./fixtures.ts";
import { startInbox } from "./http.ts";

let stage: Stage;
let url: string;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  ({ url } = await startInbox(stage));
  stage.keep();
});
beforeEach(() => configureInbox(stage));
afterEach(() => stage.clear());
afterAll(() => stage.stop());

async function request(
  path: string,
  options: { cookie?: string; form?: Record<string, string>; origin?: string } = {},
) {
  const { cookie = "", form, origin = url } = options;
  const response = await fetch(`${url}${path}`, {
    redirect: "manual",
    headers: { cookie, origin },
    ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function login(index: number): Promise<string> {
  const { headers } = await request("/console/login", { form: { agentId: stageAgent(index) } });
  return (headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

describe("the console", () => {
  it("carries an agent from the queue to the closed ticket with forms alone", async () => {
    const cookie = await login(0);
    const id = await openConversation(stage, "a", ["hola <script>alert(1)</script> & adiós"]);
    const path = `/console/c/${id}`;
    const desk = await request("/console", { cookie });
    expect(desk.text).toContain(`href="${path}"`);
    expect(desk.text).toContain("Agent 0");
    // Whoever has a page open is present, for groups that ask for it.
    const present = await stage.sql<{ id: string }[]>`select id from agents where present_until > turno_now()`;
    expect(present).toEqual([{ id: stageAgent(0) }]);
    const page = await request(path, { cookie });
    expect(page.text).toContain("hola &lt;script&gt;alert(1)&lt;/script&gt; &amp; adiós");
    expect(page.text.match(/<script[^>]*>/g)).toEqual([expect.stringMatching(/ src="\/console\/console\.\w+\.js">$/)]);
    const policy = page.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toContain("unsafe");
    // Nobody else's page may hold one of ours and lead a person's clicks.
    for (const framed of [page, await request("/docs", {})]) {
      expect(framed.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    }

    const post = (verb: string, form: Record<string, string> = {}) => request(`${path}/${verb}`, { cookie, form });
    expect(await post("messages", { text: "Buenos días" })).toMatchObject({ status: 303 });
    const early = await post("close");
    expect(early.status).toBe(409);
    expect(early.text).toContain("cannot end without a ticket");
    expect(await post("ticket", { subject: "Consulta" })).toMatchObject({ status: 303 });
    expect(await post("close")).toMatchObject({ status: 303 });
    const closed = await request(path, { cookie });
    expect(closed.text).toContain("Buenos días");
    expect(closed.text).toContain("closed");
    expect(closed.text).not.toContain(">Answer<");
    expect(closed.text.match(/id="action-[a-z-]+"/g)).toEqual(['id="action-start"']);
  });

  it("transfers to a group and to an agent, and takes the next one", async () => {
    const cookie = await login(0);
    const other = await openConversation(stage, "b");
    const group = /<option[^>]* value="(group:[^"]+)"[^>]*>\s*The queue of Billing/;
    const billing = group.exec((await request(`/console/c/${other}`, { cookie })).text)?.[1] ?? "";
    expect(await request(`/console/c/${other}/transfer`, { cookie, form: { to: billing } })).toMatchObject({
      status: 303,
    });
    const id = await openConversation(stage, "a");
    const availability = { agentId: stageAgent(1), availability: "available" };
    await request("/console/availability", { cookie: await login(1), form: availability });
    const to = { to: `agent:${stageAgent(1)}`, reason: "turno" };
    const moved = await request(`/console/c/${id}/transfer`, { cookie, form: to });
    expect(moved.status).toBe(303);
    const gone = await request(`/console/c/${id}`, { cookie });
    expect(gone.status).toBe(403);
    expect(gone.text).toContain("another agent&#39;s");
    const empty = await request("/console/claim-next", { cookie, form: {} });
    expect(empty).toMatchObject({ status: 409 });
  });

  it("asks who it is, lets nobody in with a wrong token, and takes no form from another site", async () => {
    expect((await request("/console")).text).toContain("Who are you?");
    expect(await request("/console", { cookie: "turno_token=wrong" })).toMatchObject({ status: 401 });
    const cookie = await login(0);
    const id = await openConversation(stage, "a");
    const foreign = await request(`/console/c/${id}/close`, { cookie, form: {}, origin: "https://elsewhere.example" });
    expect(foreign.status).toBe(403);
    expect(await request(`/console/c/${id}/__proto__`, { cookie, form: {} })).toMatchObject({ status: 404 });
    expect(await request("/console/c/nothing", { cookie })).toMatchObject({ status: 404 });
  });

  it("shows a refusal in the form that was refused, with what had been written", async () => {
    const cookie = await login(0);
    const id = await openConversation(stage, "a");
    const form = { form: "transfer", to: `agent:${stageAgent(1)}`, reason: "habla «portugués»" };
    const refused = await request(`/console/c/${id}/transfer`, { cookie, form });
    expect(refused.status).toBe(409);
    const shown = /<form id="form-transfer"[^]*?<\/form>/.exec(refused.text)?.[0] ?? "";
    expect(shown).toContain("Agent 1 cannot take it: away");
    expect(shown).toContain('value="habla «portugués»"');
    expect(refused.text.match(/role="alert"/g)).toHaveLength(1);
  });

  it("gives live events to its cookie alone, and takes a stream back when the page is closed", async () => {
    expect((await fetch(`${url}/console/live`)).status).toBe(401);
    const headers = { cookie: await login(0) };
    // One agent has ten at once: an eleventh is refused, and let in when one of the ten is gone.
    const open = async () => {
      const abort = new AbortController();
      const { status } = await fetch(`${url}/console/live`, { headers, signal: abort.signal });
      return { status, abort };
    };
    const streams = await Promise.all(Array.from({ length: 10 }, open));
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200));
    expect((await open()).status).toBe(429);
    streams[0]?.abort.abort();
    const again = await waitFor(
      async () => {
        const stream = await open();
        return stream.status === 200 && stream;
      },
      { what: "a stream is free again" },
    );
    for (const { abort } of [...streams, again]) abort.abort();
  });
});
