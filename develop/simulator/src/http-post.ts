import { Agent, type IncomingMessage, request } from "node:http";

/** What became of one POST. `status` is null where no whole answer came; `failure` then says why. */
export interface PostOutcome {
  status: number | null;
  body: string;
  failure: string | null;
  durationMs: number;
}

export interface HttpPoster {
  /** Sends the bytes once and never rejects. */
  post(body: Uint8Array, headers: Readonly<Record<string, string>>): Promise<PostOutcome>;
  /** Breaks off what is on its way and closes the kept connections. */
  close(): void;
}

/** Posts to one http address over kept-alive connections. Throws a `TypeError` for an address of another kind. */
export function createHttpPoster(options: { url: string; concurrency: number; timeoutMs: number }): HttpPoster {
  const url = new URL(options.url);
  if (url.protocol !== "http:") throw new TypeError(`the simulator posts to http addresses, not ${url.protocol}`);
  const agent = new Agent({ keepAlive: true, maxSockets: options.concurrency });
  const target = { agent, method: "POST", host: url.hostname, port: url.port, path: url.pathname + url.search };
  const breakers = new Set<() => void>();

  return {
    post(body, headers) {
      return new Promise((resolve) => {
        const startedAt = performance.now();
        const settle = (status: number | null, text: string, failure: string | null) => {
          clearTimeout(timer);
          breakers.delete(breakOff);
          resolve({ status, body: text, failure, durationMs: performance.now() - startedAt });
        };
        const outgoing = request(
          { ...target, headers: { "Content-Type": "application/json", "Content-Length": body.byteLength, ...headers } },
          (answer) => readAnswer(answer, settle),
        );
        const breakOff = () => outgoing.destroy(new Error("stopped"));
        const timer = setTimeout(() => outgoing.destroy(new Error("timeout")), options.timeoutMs);
        breakers.add(breakOff);
        outgoing.on("error", (error) => settle(null, "", error.message));
        outgoing.end(body);
      });
    },
    close() {
      for (const breakOff of breakers) breakOff();
      agent.destroy();
    },
  };
}

function readAnswer(
  answer: IncomingMessage,
  settle: (status: number | null, body: string, failure: string | null) => void,
): void {
  let text = "";
  answer.setEncoding("utf8");
  answer.on("data", (chunk: string) => (text += chunk));
  answer.on("end", () => settle(answer.statusCode ?? null, text, null));
  answer.on("error", (error) => settle(null, text, error.message));
}
