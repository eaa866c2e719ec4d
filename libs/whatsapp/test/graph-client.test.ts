import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import {
  classifyGraphError,
  createGraphClient,
  GraphFailure,
  recipientOf,
  type GraphErrorClass,
} from "../src/index.ts";

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const clientOf = (baseUrl: string, timeoutMs = 2_000) =>
  createGraphClient({ baseUrl, version: "v26.0", accessToken: "token", timeoutMs });

const answering = (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener =>
  function answer(request, response) {
    request.resume();
    response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
  };

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

describe("the outcome of a send", () => {
  it("is accepted with Meta's id, which a read receipt has not", async () => {
    const url = await serve(answering(200, { messages: [{ id: "wamid.A=", message_status: "accepted" }] }));
    expect(await clientOf(url).send("200", {})).toEqual({
      kind: "accepted",
      wamid: "wamid.A=",
      messageStatus: "accepted",
    });
    const reads = await serve(answering(200, { success: true }));
    expect(await clientOf(reads).send("200", {})).toEqual({ kind: "accepted", wamid: null, messageStatus: null });
  });

  it("is refused with code, details, class and the wait that Meta asks for", async () => {
    const error = { code: 130429, message: "(#130429) Rate limit hit", error_data: { details: "Throughput reached." } };
    const url = await serve(answering(400, { error }, { "retry-after": "7" }));
    expect(await clientOf(url).send("200", {})).toEqual({
      kind: "refused",
      code: 130429,
      details: "Throughput reached.",
      class: "A",
      retryAfterMs: 7_000,
    });
  });

  it.each([
    ["a 5xx page of a proxy", answering(502, "<h1>502</h1>"), "http-502"],
    ["a transient error of Meta's", answering(500, { error: { code: 131000 } }), "code-131000"],
    ["a cut-off answer", answering(200, '{"messages":[{"id":"wam'), "answer-not-json"],
    ["an answer without an id", answering(200, { messages: [{}] }), "answer-without-message-id"],
    ["a reset connection", ((request) => request.socket.destroy()) satisfies RequestListener, "UND_ERR_SOCKET"],
    ["no answer in time", (() => undefined) satisfies RequestListener, "timeout"],
  ])("is unknown after %s", async (_what, listener, cause) => {
    // What is answered is answered in time on a busy machine too.
    const timeoutMs = cause === "timeout" ? 150 : 20_000;
    expect(await clientOf(await serve(listener), timeoutMs).send("200", {})).toEqual({ kind: "unknown", cause });
  });

  it("is refused and may be repeated where nobody listens or the name does not resolve: nothing was sent", async () => {
    const url = await serve(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    for (const address of [url, "http://graph.invalid"]) {
      expect(await clientOf(address).send("200", {})).toMatchObject({ kind: "refused", code: null, class: "A" });
    }
  });
});

describe("the token", () => {
  it("does not follow a redirect or the address of a next page to another host", async () => {
    const seen: string[] = [];
    const other = await serve((request, response) => {
      seen.push(String(request.headers.authorization));
      response.end("{}");
    });
    const redirecting = await serve(answering(307, "", { location: `${other}/v26.0/200/messages` }));
    expect(await clientOf(redirecting).send("200", {})).toMatchObject({ kind: "refused", class: "A" });

    let page = 0;
    const paging = await serve((request, response) => {
      page += 1;
      const isLast = new URL(request.url ?? "", "http://x").searchParams.get("after") === "c1";
      const next = isLast ? {} : { paging: { next: `${other}/steal`, cursors: { after: "c1" } } };
      const id = "9223372036854775783";
      const entry = `{"id":${id},"name":"t${page}","language":"en-US","status":"APPROVED","category":"UTILITY"}`;
      response.end(`{"data":[${entry}],${JSON.stringify(next).slice(1, -1) || '"x":0'}}`);
    });
    const templates = await clientOf(paging).listTemplates("100");
    expect(templates.map(({ templateId, name, language }) => ({ templateId, name, language }))).toEqual([
      { templateId: "9223372036854775783", name: "t1", language: "en_US" },
      { templateId: "9223372036854775783", name: "t2", language: "en_US" },
    ]);
    expect(seen).toEqual([]);
  });

  it("is not named when the list of templates is refused", async () => {
    const url = await serve(answering(401, { error: { code: 190, message: "Invalid OAuth access token" } }));
    const failure = await clientOf(url)
      .listTemplates("100")
      .catch((error: unknown) => error);
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
