import { Hono } from "hono";
import { expect, it } from "vitest";
import { createConsole } from "../src/console/console.ts";

/** Signs in as a browser does that says no more of where a form comes from than its origin. */
async function signIn({ origin, publicOrigin }: { origin: string; publicOrigin: string | null }) {
  const app = new Hono().route("/console", createConsole(new Hono(), { local: null, signIn: null, publicOrigin }));
  const response = await app.request("http://inbox:8080/console/login", {
    method: "POST",
    headers: { origin, "content-type": "application/x-www-form-urlencoded" },
    body: "token=t",
  });
  return { status: response.status, cookie: response.headers.get("set-cookie") };
}

const PUBLIC = "https://inbox.example.org";

it("takes forms from its public origin, and gives a cookie for TLS alone", async () => {
  const { status, cookie } = await signIn({ origin: PUBLIC, publicOrigin: PUBLIC });
  expect([status, cookie]).toEqual([303, expect.stringMatching(/; HttpOnly; Secure; SameSite=Strict$/) as string]);
});

it("takes forms from where it listens, with a cookie that goes without TLS where none is", async () => {
  const { status, cookie } = await signIn({ origin: "http://inbox:8080", publicOrigin: null });
  expect([status, cookie]).toEqual([303, expect.not.stringContaining("Secure") as string]);
});

it.each([
  ["another site", "https://evil.example.org", PUBLIC],
  ["its public name without TLS", "http://inbox.example.org", PUBLIC],
  ["its public origin where none is configured", PUBLIC, null],
  ["a page without an origin", "null", PUBLIC],
])("takes no form from %s", async (_what, origin, publicOrigin) => {
  expect(await signIn({ origin, publicOrigin })).toEqual({ status: 403, cookie: null });
});
