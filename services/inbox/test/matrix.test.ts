import { ACCESS, COMMAND_VERBS, NATS_USERS, type CommandVerb } from "@turno/contracts";
import { CONVERSATION_PERMISSIONS, PERMISSIONS } from "@turno/conversation";
import { addOperationsRoutes, createMetrics } from "@turno/runtime";
import { stageAgent } from "@turno/testing";
import { Hono } from "hono";
import { inspectRoutes } from "hono/dev";
import { expect, it } from "vitest";
import { SCRIPT, STYLE } from "../src/console/assets.ts";
import { FORMS } from "../src/console/forms.ts";
import { createInboxApp } from "../src/http/app.ts";
import { COMMAND_ROUTES } from "../src/http/command-routes.ts";
import { createLocalIssuer } from "../src/http/local-issuer.ts";
import { requestOf } from "./asking.ts";
import { LISTS } from "./shown.ts";
import { CONVERSATION_FORMS, OTHER_ROUTES, SELF, VERBS, type MatrixRow } from "./matrix.ts";

/** The whole application with the local issuer, or with sign-in in its place. Nothing is asked of it. */
async function createApp(isSignedInto = false): Promise<Hono> {
  const unused = () => Promise.reject(new Error("nobody asks"));
  const options = {
    sql: unused as never,
    request: unused,
    tail: unused as never,
    publicOrigin: "https://inbox.example.org",
    signIns: isSignedInto ? { issuers: [], open: unused, read: unused, end: unused, close: unused } : null,
    signInSecondsMax: 1,
    onSignIn: unused,
    authenticate: unused,
    rate: { perSecond: 1, burst: 1 },
    onRequest: () => undefined,
    onFailure: () => undefined,
    onDefect: () => undefined,
  };
  const operations = addOperationsRoutes(new Hono(), {
    registry: createMetrics("test"),
    readiness: unused as never,
  });
  return operations.route("/", createInboxApp(options, isSignedInto ? null : await createLocalIssuer()));
}

/** Returns every route by its method and path, without the patterns of parameters and the hashes of assets. */
function routesOf(app: Hono): string[] {
  const names = inspectRoutes(app)
    .filter(({ isMiddleware }) => !isMiddleware)
    .map(({ method, path }) => `${method} ${path.replaceAll(/\{(?:[^{}]|\{[^}]*\})*\}/g, "")}`)
    .map((name) => name.replace(SCRIPT.name, "console.js").replace(STYLE.name, "console.css"));
  return [...new Set(names)].toSorted();
}

const commandRoutes = COMMAND_ROUTES.map(
  ({ method, path }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
);

it("every route of the inbox has a row, or gives a command; and every row has a route", async () => {
  const routes = new Set([...routesOf(await createApp()), ...routesOf(await createApp(true))]);
  expect([...routes].toSorted()).toEqual([...Object.keys(OTHER_ROUTES), ...commandRoutes].toSorted());
  const more = (await createApp()).get("/v1/secrets", (context) => context.text("")).get("/more", () => new Response());
  expect(routesOf(more)).toEqual(expect.arrayContaining(["GET /v1/secrets", "GET /more"]));
});

it("every form of a conversation's page has a row", () => {
  expect(Object.keys(CONVERSATION_FORMS).toSorted()).toEqual([...Object.keys(FORMS), "template"].toSorted());
});

const rowsOf = (rows: readonly MatrixRow<unknown>[] | string) => (typeof rows === "string" ? [] : rows);

it("every row asks for an act; and what shows something is asked who sees it", () => {
  const named = Object.entries<readonly MatrixRow<unknown>[] | string>({ ...VERBS, ...OTHER_ROUTES });
  const empty = named.filter(
    ([, rows]) => rows.length === 0 || rowsOf(rows).some((row) => "asks" in row && row.asks.length === 0),
  );
  expect(empty).toEqual([]);
  const showing = named.filter(([, rows]) => rowsOf(rows).some((row) => "shows" in row)).map(([name]) => name);
  expect([...Object.keys(LISTS), "GET /v1/live", "GET /console/live"].toSorted()).toEqual(showing.toSorted());
});

it("every act of the permissions is asked for somewhere", () => {
  const rows = [...Object.values(VERBS), ...Object.values(OTHER_ROUTES)].flatMap((one) => rowsOf(one));
  const asked = rows.map((row) => ("shows" in row ? row.shows : "act" in row ? row.act : row.cells));
  const acts = [...Object.keys(PERMISSIONS), ...Object.keys(CONVERSATION_PERMISSIONS)];
  expect([...new Set<string>(asked)].toSorted()).toEqual(acts.toSorted());
});

it("what asks for nobody's permission between services is sent by services alone, and has no route", () => {
  const unasked = COMMAND_VERBS.filter((verb) => typeof VERBS[verb] === "string");
  for (const verb of unasked) {
    expect(VERBS[verb]).toMatch(/^between services: /);
    const senders = NATS_USERS.filter((user) => (ACCESS[user].sends as readonly CommandVerb[]).includes(verb));
    expect(senders.filter((user) => ["inbox", "bot", "observer"].includes(user))).toEqual([]);
    expect(COMMAND_ROUTES.filter((route) => route.verb === verb)).toEqual([]);
  }
});

it("what a command with a route is asked over NATS can be asked over HTTP, except in another's name", () => {
  const asks = COMMAND_VERBS.filter((verb) => COMMAND_ROUTES.some((route) => route.verb === verb)).flatMap((verb) =>
    rowsOf(VERBS[verb]).flatMap((row) => ("asks" in row ? row.asks.map((ask) => ({ verb, row, ask })) : [])),
  );
  const unasked = asks.filter(({ verb, ask }) => requestOf(verb, ask as object, SELF) === null);
  expect(unasked.map(({ row }) => ("act" in row ? row.act : null))).toEqual(["send-for"]);
  expect(requestOf("heartbeat", { agentId: stageAgent(0) }, SELF)).toEqual({
    method: "POST",
    path: `/v1/agents/${stageAgent(0)}/heartbeat`,
    body: {},
  });
});
