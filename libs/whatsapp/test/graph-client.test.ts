import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  classifyGraphError,
  createGraphClient,
  GraphFailure,
  recipientOf,
  type GraphErrorClass,
} from "../src/index.ts";

const META = "https://meta.test";
const OTHER = "https://elsewhere.test";
const MESSAGES = `${META}/v26.0/200/messages`;
const TEMPLATES = `${META}/v26.0/100/message_templates`;

const network = setupServer();
beforeAll(() => network.listen({ onUnhandledFrame: "error" }));
afterEach(() => network.resetHandlers());
afterAll(() => network.close());

const client = createGraphClient({ baseUrl: META, version: "v26.0", timeoutMs: 20_000 });
const withToken = { accessToken: "token" };

/** Sends a message that Meta answers so. */
async function sendAnswered(status: number, body: object | string, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  network.use(http.post(MESSAGES, () => new HttpResponse(text, { status, headers })));
  return client.send("200", {}, withToken);
}

/** Meta's codes by what a refusal stops. Source: Meta, Cloud API, "Error codes"; Graph API, "Handling errors". */
const CLASSES: Record<GraphErrorClass, string> = {
  A: "4 80007 130429 131056 131057 2494100",
  B: "1 2 131000 131016 133004",
  C: "131047 131049 131050 130472 131026 130403 131048 131064 131065 131070 138038",
  D:
    "100 131008 131009 131021 131051 131052 131053 132000 132005 132007 132012 132018 132068 132069 135000 131055 131061 " +
    "131062 131063 134100 134101 134102 131030",
  E: "132015 132016 132001",
  F: "33 131037 131045 133000 133005 133006 133007 133008 133009 133010 133015 133016 134011",
  G: "368 131031",
  G2: "131042",
  G3: "130497",
  H: "0 190",
  H2: "3 10 200 230 299 131005",
};

describe("classes of errors", () => {
  it.each(Object.entries(CLASSES))("knows the codes of class %s, whatever the HTTP status says", (expected, codes) => {
    for (const code of codes.split(" ")) {
      const found = [200, 400, 500, null].map((status) => classifyGraphError(Number(code), status));
      expect(`${code}: ${[...new Set(found)].join()}`).toBe(`${code}: ${expected}`);
    }
  });

  it("takes a code that Meta adds tomorrow as a wrong request, or as unknown where the status is 5xx", () => {
    expect(classifyGraphError(999_999, 400)).toBe("D");
    expect(classifyGraphError(999_999)).toBe("D");
    expect(classifyGraphError(999_999, 503)).toBe("B");
  });
});

describe("a send", () => {
  it("goes to the number as JSON, with the token", async () => {
    const seen: unknown[] = [];
    network.use(
      http.post(MESSAGES, async ({ request }) => {
        seen.push([request.headers.get("authorization"), await request.json()]);
        return HttpResponse.json({ success: true });
      }),
    );
    await client.send("200", { to: "+1" }, withToken);
    expect(seen).toEqual([["Bearer token", { to: "+1" }]]);
  });

  it("is accepted with Meta's id, which a read receipt has not", async () => {
    expect(await sendAnswered(200, { messages: [{ id: "wamid.A=", message_status: "accepted" }] })).toEqual({
      kind: "accepted",
      wamid: "wamid.A=",
      messageStatus: "accepted",
    });
    expect(await sendAnswered(200, { success: true })).toEqual({ kind: "accepted", wamid: null, messageStatus: null });
  });

  it("is refused with code, details, class and the wait that Meta asks for", async () => {
    const error = { code: 130429, message: "(#130429) Rate limit hit", error_data: { details: "Throughput reached." } };
    expect(await sendAnswered(400, { error }, { "retry-after": "7" })).toEqual({
      kind: "refused",
      code: 130429,
      details: "Throughput reached.",
      class: "A",
      retryAfterMs: 7_000,
    });
  });

  it.each([
    ["a 5xx page of a proxy", 502, "<h1>502</h1>", "http-502"],
    ["a transient error of Meta's", 500, { error: { code: 131000 } }, "code-131000"],
    ["an answer that ends too early", 200, '{"messages":[{"id":"wam', "answer-not-json"],
    ["an answer without an id", 200, { messages: [{}] }, "answer-without-message-id"],
  ])("has an unknown outcome after %s", async (_what, status, body, cause) => {
    expect(await sendAnswered(status, body)).toEqual({ kind: "unknown", cause });
  });
});

describe("the token", () => {
  it("does not follow any redirect, nor the address of a next page to another host", async () => {
    const seen: string[] = [];
    network.use(
      http.all(`${OTHER}/*`, ({ request }) => {
        seen.push(request.url);
        return HttpResponse.json({});
      }),
    );
    const targets = [
      `${OTHER}/v26.0/200/messages`,
      `${META.replace("https", "http")}/v26.0/200/messages`,
      "/v26.0/201/messages",
    ];
    network.use(
      http.all(/messages$/, ({ request }) => {
        if (request.url !== MESSAGES) seen.push(request.url);
        return HttpResponse.json({});
      }),
    );
    for (const location of targets) {
      for (const status of [301, 302, 303, 307, 308]) {
        expect(await sendAnswered(status, "", { location })).toMatchObject({ kind: "refused", class: "A" });
        network.use(http.get(TEMPLATES, () => new HttpResponse("", { status, headers: { location } })));
        const failure = await client.listTemplates("100", withToken).catch((cause: unknown) => cause);
        expect(failure).toBeInstanceOf(GraphFailure);
      }
    }
    expect(seen).toEqual([]);

    let page = 0;
    network.use(
      http.get(TEMPLATES, ({ request }) => {
        page += 1;
        const isLast = new URL(request.url).searchParams.get("after") === "c1";
        const next = isLast ? {} : { paging: { next: `${OTHER}/steal`, cursors: { after: "c1" } } };
        const id = "9223372036854775783";
        const entry = `{"id":${id},"name":"t${page}","language":"en-US","status":"APPROVED","category":"UTILITY"}`;
        return new HttpResponse(`{"data":[${entry}],${JSON.stringify(next).slice(1, -1) || '"x":0'}}`);
      }),
    );
    const templates = await client.listTemplates("100", withToken);
    expect(templates.map(({ templateId, name, language }) => ({ templateId, name, language }))).toEqual([
      { templateId: "9223372036854775783", name: "t1", language: "en_US" },
      { templateId: "9223372036854775783", name: "t2", language: "en_US" },
    ]);
    expect(seen).toEqual([]);
  });

  it("is not named when the list of templates is refused", async () => {
    const error = { code: 190, message: "Invalid OAuth access token" };
    network.use(http.get(TEMPLATES, () => HttpResponse.json({ error }, { status: 401 })));
    const failure = await client.listTemplates("100", withToken).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(GraphFailure);
    expect(String(failure)).not.toContain("Bearer");
    expect(failure).toMatchObject({ retryable: false });
  });
});

describe("the address of a contact", () => {
  it("is the user id in `recipient`, else the phone with `+` in `to`, and the phone first where Meta wants one", () => {
    const both = { userId: "US.1", phone: "5215512345678" };
    expect(recipientOf(both, { needsPhone: false })).toEqual({ recipient: "US.1" });
    expect(recipientOf(both, { needsPhone: true })).toEqual({ to: "+5215512345678" });
    expect(recipientOf({ userId: null, phone: "+34600" }, { needsPhone: false })).toEqual({ to: "+34600" });
    expect(recipientOf({ userId: "US.1", phone: null }, { needsPhone: true })).toEqual({ recipient: "US.1" });
    expect(recipientOf({ userId: null, phone: null }, { needsPhone: false })).toBeNull();
  });
});
