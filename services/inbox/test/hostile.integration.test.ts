import { createStage, stageAgent, stageId, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROUTES } from "../src/http/api.ts";
import type { Route } from "../src/http/route.ts";
import { ADMIN, configureInbox, openConversation, OUTSIDER } from "./fixtures.ts";
import { startInbox, type TestCaller } from "./http.ts";

const SECRET_TEXT = "texto-que-nadie-debe-ver-4711";
const BODIES_EACH = 200;

let stage: Stage;
let inbox: Awaited<ReturnType<typeof startInbox>>;
let outsider: TestCaller;
let conversationId: string;
const services: { logs: () => string[] }[] = [];

beforeAll(async () => {
  stage = await createStage();
  services.push(await stage.start("router"), await stage.start("session-tracker"));
  // It answers for tokens and stops, and has nothing to send.
  services.push(await stage.start("sender", { WHATSAPP_ACCESS_TOKEN: "token", GRAPH_URL: "http://127.0.0.1:9" }));
  inbox = await startInbox(stage);
  services.push(inbox.service);
  await configureInbox(stage);
  conversationId = await openConversation(stage, "a", [SECRET_TEXT]);
  await (await inbox.as(0)).post(`/v1/conversations/${conversationId}/ticket`, { subject: SECRET_TEXT });
  outsider = await inbox.as(OUTSIDER);
});
afterAll(() => stage.stop());

/** A small generator with a seed, so that a failure comes again. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const NUMBERS = [0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER + 2];
const LONG = ["x".repeat(30_000), "💶".repeat(3_000)];
const TEXTS = [
  "",
  " ",
  "\u0000",
  "a\ud800",
  "' or 1=1 --",
  "../../etc/passwd",
  "%00",
  "{{7*7}}",
  "<script>",
  "2026-13-45",
];
const IDS = [stageId(9), stageAgent(0), "00000000", "null", "\u202e"];
const OBJECTS: unknown[] = [
  null,
  true,
  [],
  {},
  [[]],
  { toString: 1 },
  { length: { toString: 1 } },
  { constructor: { prototype: {} } },
];
const SCALARS: unknown[] = [...NUMBERS, ...LONG, ...TEXTS, ...IDS, ...OBJECTS];

/** Something that is like a body of the route and wrong somewhere, or like nothing at all. */
function badBody(route: Route, random: () => number): string {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const fields = Object.keys(route.body?.shape ?? {});
  switch (Math.floor(random() * 7)) {
    case 0:
      return pick(["", "{", "[1,", "\u0000", "nul", `"${"a".repeat(50)}`, '{"a":1}}', "\ufeff{}"]);
    case 1:
      return `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
    case 2:
      return JSON.stringify(pick(SCALARS));
    case 3:
      return `{"__proto__":{"agentId":1},${JSON.stringify(pick(fields) ?? "x")}:${JSON.stringify(pick(SCALARS))}}`;
    case 4:
      return JSON.stringify({ ...route.example, unknown: pick(SCALARS) });
    case 5:
      return JSON.stringify({ ...route.example, actor: { kind: "service", name: "admin" }, agentId: pick(SCALARS) });
    default:
      return JSON.stringify({ ...route.example, ...Object.fromEntries(fields.map((field) => [field, pick(SCALARS)])) });
  }
}

const readAll = async () =>
  JSON.stringify([
    await stage.sql`select id, state, agent_id, ticket_id, ticket_link, sequence from conversations order by id`,
    await stage.sql`select id, subject, body, status, version from tickets order by id`,
    await stage.sql`select id, name, role, capacity, active_count from agents order by id`,
    await stage.sql`select id, name, distribution from groups order by id`,
    await stage.sql`select count(*)::int as sends from sends`,
  ]);

const pathOf = (route: Route, value: string) => inbox.url + route.path.replaceAll(/\{\w+\}/g, value);

async function send(
  route: Route,
  url: string,
  body: string,
  caller = outsider,
): Promise<{ status: number; text: string; type: string }> {
  const isRead = route.method === "get";
  const response = await fetch(url, {
    method: route.method.toUpperCase(),
    headers: { authorization: `Bearer ${caller.token}`, "content-type": "application/json" },
    ...(isRead ? {} : { body }),
  });
  return { status: response.status, text: await response.text(), type: response.headers.get("content-type") ?? "" };
}

/** What services said of defects, which an answer does not tell. */
const defects = () =>
  services
    .flatMap(({ logs }) => logs())
    .filter((line) => line.includes("a defect"))
    .join("\n");

const named = ROUTES.map((route) => ({ name: `${route.method} ${route.path}`, route }));

describe("hostile input", () => {
  it.each(named.filter(({ route }) => route.body !== null))(
    "of 200 bad bodies to $name is refused with a problem, breaks nothing and changes nothing",
    async ({ route }) => {
      const random = createRandom(20_261_123);
      const before = await readAll();
      const bodies = Array.from({ length: BODIES_EACH }, () => badBody(route, random));
      const answers = await Promise.all(bodies.map((body) => send(route, pathOf(route, conversationId), body)));
      const failed = answers.filter(({ status }) => status >= 500 || (status >= 300 && status < 400));
      expect(failed, defects()).toEqual([]);
      const problems = answers.filter(({ status }) => status >= 400);
      expect(problems.filter(({ type }) => type !== "application/problem+json")).toEqual([]);
      expect(answers.filter(({ text }) => text.includes(SECRET_TEXT))).toEqual([]);
      expect(await readAll()).toBe(before);
    },
  );

  it.each(named.filter(({ route }) => route.body !== null))(
    "of 200 bad bodies to $name by somebody who may do everything breaks nothing either",
    async ({ route }) => {
      const random = createRandom(4_711);
      const admin = await inbox.as(ADMIN);
      const bodies = Array.from({ length: BODIES_EACH }, () => badBody(route, random));
      const url = pathOf(route, stageId(404));
      const answers = await Promise.all(bodies.map((body) => send(route, url, body, admin)));
      expect(
        answers.filter(({ status }) => status >= 500),
        defects(),
      ).toEqual([]);
    },
  );

  it.each(named.filter(({ route }) => route.path.includes("{")))(
    "in the path of $name is refused with a problem",
    async ({ route }) => {
      const values = ["0", "-1", "%00", "..%2f..", "%ff", "a".repeat(3_000), "' or 1=1", "null", stageId(404), "1e9"];
      const body = JSON.stringify(route.example);
      const answers = await Promise.all(values.map((value) => send(route, pathOf(route, encodeOnce(value)), body)));
      expect(answers.filter(({ status }) => status < 400 || status >= 500)).toEqual([]);
      expect(answers.every(({ type }) => type === "application/problem+json")).toBe(true);
    },
  );

  it.each(named.filter(({ route }) => route.query !== null))("in the query of $name is refused", async ({ route }) => {
    const names = [...Object.keys(route.query?.shape ?? {}), "unknown"];
    const values = ["", "-1", "%00", "%ed%a0%80", "1e99", "[]", "a".repeat(500), "AAAA", "OTk5OTk5OTk5OTk5OTk5OTk5OTk"];
    const path = pathOf(route, stageId(1, 1));
    const urls = names.flatMap((name) => values.map((value) => `${path}?${name}=${value}`));
    const answers = await Promise.all(urls.map((url) => send(route, url, "")));
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    expect(answers.filter(({ status }) => status === 422).length).toBeGreaterThan(values.length);
  });

  it("a body above the limit, and one that is not JSON, get their own problem", async () => {
    const [path] = named.filter(({ route }) => route.path.endsWith("/transfer"));
    if (path === undefined) throw new Error("no such route");
    const big = await send(path.route, pathOf(path.route, conversationId), `"${"x".repeat(600_000)}"`);
    expect(big.status).toBe(413);
    const form = await fetch(pathOf(path.route, conversationId), {
      method: "POST",
      headers: { authorization: `Bearer ${outsider.token}` },
      body: new URLSearchParams({ a: "1" }),
    });
    expect(form.status).toBe(415);
  });

  it("an unknown route and a wrong method are told so", async () => {
    expect((await outsider.get("/v1/nothing")).body).toMatchObject({ code: "no-such-route" });
    const wrong = await outsider.patch(`/v1/conversations/${conversationId}/close`, {});
    expect(wrong).toMatchObject({ status: 405, body: { code: "method-not-allowed" } });
    expect(wrong.headers.get("allow")).toBe("POST");
  });
});

describe("a token", () => {
  it("is needed for each route, and a forged or foreign one is no better than none", async () => {
    const [head, payload, signature] = outsider.token.split(".");
    const none = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
    const admin = Buffer.from(
      JSON.stringify({
        ...(JSON.parse(Buffer.from(payload ?? "", "base64url").toString()) as object),
        sub: stageAgent(60),
      }),
    ).toString("base64url");
    const forged = ["", "x", `${none}.${payload}.`, `${head}.${admin}.${signature}`, `${head}.${payload}.`, "a.b.c"];
    for (const { route } of named) {
      const answers = await Promise.all(
        forged.map((token) =>
          fetch(pathOf(route, conversationId), {
            method: route.method.toUpperCase(),
            headers: token === "" ? {} : { authorization: `Bearer ${token}` },
          }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(forged.map(() => 401));
      for (const answer of answers) await answer.body?.cancel();
    }
  });

  it("of somebody who is none of our agents lets nobody in", async () => {
    const response = await fetch(`${inbox.url}/local/token/${stageId(2, 999)}`, { method: "POST" });
    const { token } = (await response.json()) as { token: string };
    const answer = await fetch(`${inbox.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(403);
    await answer.body?.cancel();
  });
});

describe("the logs of the whole run", () => {
  it("hold no token, no text and no name of a customer", () => {
    const logs = services.flatMap(({ logs: lines }) => lines()).join("\n");
    expect(logs).not.toContain(SECRET_TEXT);
    expect(logs).not.toContain(outsider.token.slice(0, 40));
    expect(logs).not.toMatch(/eyJ[\w-]{20,}/);
    expect(logs).not.toContain("US.a");
  });
});

/** As a client would write it; what is escaped already stays. */
const encodeOnce = (value: string) => (value.includes("%") ? value : encodeURIComponent(value));
