import { BrokerFailure } from "@turno/messaging";
import { expect, it } from "vitest";
import { createInboxApp } from "../src/http/app.ts";
import { KeyFailure } from "../src/http/authentication.ts";
import { createLocalIssuer } from "../src/http/local-issuer.ts";

const AGENT = "00000000-0000-7000-8000-000200000000";

/** An inbox in which everything that it stands on throws. */
async function ask(thrown: Error, path: string, init: RequestInit = {}) {
  const told: string[] = [];
  const fail = () => Promise.reject(thrown);
  const issuer = await createLocalIssuer();
  const app = createInboxApp(
    {
      sql: fail as never,
      request: fail,
      tail: null as never,
      publicOrigin: null,
      signIns: null,
      signInSecondsMax: 1,
      onSignIn: () => undefined,
      authenticate: fail,
      rate: { perSecond: 100, burst: 100 },
      onRequest: () => undefined,
      onFailure: (error) => told.push(`failure ${String(error)}`),
      onDefect: (error) => told.push(`defect ${String(error)}`),
    },
    { ...issuer, issue: fail },
  );
  const response = await app.request(path, init, {});
  return { status: response.status, text: await response.text(), told };
}

const ofNode = () => Object.assign(new TypeError("planted"), { code: "ERR_INVALID_ARG_TYPE" });
const form = (origin: string) => ({
  method: "POST",
  headers: { origin, "content-type": "application/x-www-form-urlencoded" },
  body: `agentId=${AGENT}`,
});

it.each([
  ["a route of the API", "/v1/groups", {}],
  ["the live events", "/v1/live", {}],
  ["a token of the local issuer", `/local/token/${AGENT}`, { method: "POST" }],
  ["the console's entry", "http://inbox.test/console/login", form("http://inbox.test")],
])("answers a defect in %s with 500, tells it, and says nothing of it to the caller", async (_what, path, init) => {
  for (const thrown of [new TypeError("planted"), ofNode()]) {
    const { status, text, told } = await ask(thrown, path, init);
    expect(status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({ status: 500, title: "A fault of ours" });
    expect(text).not.toContain("planted");
    expect(told).toEqual(["defect TypeError: planted"]);
  }
});

it.each([new BrokerFailure("away"), new KeyFailure("away")])("answers a failure (%s) with 503", async (failure) => {
  const { status, told } = await ask(failure, "/v1/groups");
  expect([status, told]).toEqual([503, ["failure Error: away"]]);
});

it("leaves what the framework refuses as it is", async () => {
  const { status, told } = await ask(
    new TypeError("planted"),
    "http://inbox.test/console/login",
    form("http://x.test"),
  );
  expect([status, told]).toEqual([403, []]);
});
