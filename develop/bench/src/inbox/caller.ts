import { LostWork } from "../ledger.ts";

/** Asks the inbox as one person, with a token that the inbox checks like all others. */
export interface InboxCaller {
  get(path: string): Promise<{ body: unknown; ms: number }>;
}

export async function createCaller(url: string, agentId: string): Promise<InboxCaller> {
  const issued = await fetch(`${url}/local/token/${agentId}`, { method: "POST" });
  const { token } = (await issued.json()) as { token: string };
  const headers = { authorization: `Bearer ${token}` };
  return {
    get: async (path) => {
      const startedAt = performance.now();
      const ask = () => fetch(`${url}${path}`, { headers });
      // The server may close a connection that was idle in the moment of its being used again.
      const response = await ask().catch(ask);
      const text = await response.text();
      const ms = performance.now() - startedAt;
      if (response.status !== 200) throw new LostWork(`${path} was answered ${response.status}: ${text}`);
      return { body: JSON.parse(text) as unknown, ms };
    },
  };
}
