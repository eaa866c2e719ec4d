import { stageAgent, type Stage } from "@turno/testing";

export interface InboxAnswer {
  status: number;
  body: Record<string, unknown>;
  headers: Headers;
}

export interface TestCaller {
  get: (path: string) => Promise<InboxAnswer>;
  post: (path: string, body?: unknown, headers?: Record<string, string>) => Promise<InboxAnswer>;
  patch: (path: string, body: unknown) => Promise<InboxAnswer>;
  token: string;
}

/** Starts an inbox that gives tokens, and gives who calls it as an agent of the stage. */
export async function startInbox(stage: Stage, environment: Record<string, string> = {}) {
  const service = await stage.start("inbox", {
    LOCAL_ISSUER: "on",
    RATE_PER_SECOND: "5000",
    RATE_BURST: "50000",
    ...environment,
  });
  const url = service.url;
  return { url, service, as: (index: number) => callAs(url, stageAgent(index)) };
}

async function callAs(url: string, agentId: string): Promise<TestCaller> {
  const issued = await fetch(`${url}/local/token/${agentId}`, { method: "POST" });
  const { token } = (await issued.json()) as { token: string };
  const call =
    (method: string) =>
    async (path: string, body?: unknown, headers: Record<string, string> = {}) => {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return readAnswer(response);
    };
  return { get: call("GET"), post: call("POST"), patch: call("PATCH"), token };
}

async function readAnswer(response: Response): Promise<InboxAnswer> {
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, body, headers: response.headers };
}
