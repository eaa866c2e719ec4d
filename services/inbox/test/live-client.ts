import { waitFor } from "@turno/testing";

export interface HeardEvent {
  id: string;
  event: string;
  data: { id: string; type: string; entityId: string; sequence: number };
}

/** A client that reads live events and notes them, with the ids by which it can go on. */
export class LiveClient {
  readonly seen: HeardEvent[] = [];
  lastId: string | null = null;
  readonly #abort = new AbortController();
  #reading: Promise<void> = Promise.resolve();

  static async open(
    url: string,
    token: string,
    lastId: string | null = null,
    path: "/v1/live" | "/console/live" = "/v1/live",
  ): Promise<LiveClient> {
    const client = new LiveClient();
    const headers = {
      ...(path === "/v1/live" ? { authorization: `Bearer ${token}` } : { cookie: `turno_token=${token}` }),
      ...(lastId === null ? {} : { "last-event-id": lastId }),
    };
    const response = await fetch(`${url}${path}`, { headers, signal: client.#abort.signal });
    if (response.status !== 200 || response.body === null) throw new Error(`live events answered ${response.status}`);
    client.#reading = client.#read(response.body);
    await waitFor(() => client.lastId, { what: "the live events are ready" });
    return client;
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body) {
        const parts = `${rest}${decoder.decode(chunk, { stream: true })}`.split("\n\n");
        rest = parts.pop() ?? "";
        for (const part of parts) this.#take(part);
      }
    } catch (error) {
      if ((error as Error).name !== "AbortError" && !(error as Error).message.includes("terminated")) throw error;
    }
  }

  #take(part: string): void {
    const fields = new Map(
      part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
    );
    const id = fields.get("id");
    const event = fields.get("event") ?? "";
    if (id !== undefined) this.lastId = id;
    if (event === "ready" || event === "quiet") return;
    this.seen.push({ id: id ?? "", event, data: JSON.parse(fields.get("data") ?? "") as HeardEvent["data"] });
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }
}
