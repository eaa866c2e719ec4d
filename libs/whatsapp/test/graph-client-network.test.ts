import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createGraphClient } from "../src/index.ts";

// Real sockets: what a broken connection does is the operating system's and the HTTP client's to say.
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

const sendTo = (baseUrl: string, timeoutMs: number) =>
  createGraphClient({ baseUrl, version: "v26.0", timeoutMs }).send("200", {}, { accessToken: "token" });

/** Answers for as long as somebody reads. */
const answerWithoutEnd: RequestListener = (request, response) => {
  request.resume();
  const write = () => {
    while (!response.destroyed && response.write("x".repeat(1024 * 1024)));
  };
  response.on("drain", write);
  write();
};

const answerHalf: RequestListener = (request, response) => {
  request.resume();
  response.writeHead(200, { "content-length": "100" }).write('{"messages":[{"id":"wam');
};

describe("the outcome of a send", () => {
  it.each<[string, RequestListener, string]>([
    ["a reset connection", (request) => request.socket.destroy(), "UND_ERR_SOCKET"],
    ["no answer in time", () => undefined, "timeout"],
    ["an answer of which the rest does not come in time", answerHalf, "timeout"],
    [
      "a connection that is reset within the answer",
      (request, response) => {
        answerHalf(request, response);
        setImmediate(() => request.socket.destroy());
      },
      "UND_ERR_SOCKET",
    ],
  ])("is unknown after %s", async (_what, listener, cause) => {
    // What is answered is answered in time on a busy machine too.
    const timeoutMs = cause === "timeout" ? 150 : 20_000;
    expect(await sendTo(await serve(listener), timeoutMs)).toEqual({ kind: "unknown", cause });
  });

  it("is unknown after an answer without an end, of which no more is read than an answer can have", async () => {
    let sent = 0;
    const url = await serve((request, response) => {
      response.on("close", () => (sent = request.socket.bytesWritten));
      answerWithoutEnd(request, response);
    });
    const outcome = await sendTo(url, 20_000);
    expect(outcome).toEqual({ kind: "unknown", cause: "ANSWER_TOO_LARGE" });
    await expect.poll(() => sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it("is refused and may be repeated where nobody listens or the name does not resolve: nothing was sent", async () => {
    const url = await serve(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    for (const address of [url, "http://graph.invalid"]) {
      expect(await sendTo(address, 2_000)).toMatchObject({ kind: "refused", code: null, class: "A" });
    }
  });
});
