import { createStage, stageAgent, type Stage } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configureInbox, openConversation } from "./fixtures.ts";
import { startInbox } from "./http.ts";

let stage: Stage;
let url: string;
beforeEach(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  ({ url } = await startInbox(stage));
  await configureInbox(stage);
});
afterEach(() => stage.stop());

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
    const page = await request(path, { cookie });
    expect(page.text).toContain("hola &lt;script&gt;alert(1)&lt;/script&gt; &amp; adiós");
    expect(page.text).not.toContain("<script");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");

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
  });

  it("transfers to a group and to an agent, and takes the next one", async () => {
    const cookie = await login(0);
    const id = await openConversation(stage, "a");
    await request("/console/availability", { cookie: await login(1), form: { availability: "available" } });
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
});
