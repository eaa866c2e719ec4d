import { KEY_HEADER } from "@turno/contracts";
import type { Context, Hono } from "hono";
import { getCookie } from "hono/cookie";

export const COOKIE = "turno_token";

export type Answer =
  | { isOk: true; body: Record<string, unknown> }
  | { isOk: false; status: number; code: string; detail: string };

/** Calls the API in this process as the caller, with its cookie. */
export interface Client {
  /**
   * What could not be read because the world failed, or because there were too many requests: no empty list stands for
   * it.
   */
  readonly failure: Extract<Answer, { isOk: false }> | null;
  call: (method: "GET" | "POST" | "PATCH", path: string, body?: object, key?: string) => Promise<Answer>;
  /** Calls a route whose answer is a stream. */
  open: (path: string, headers: Record<string, string>) => Promise<Response>;
}

export function createClient(api: Hono, context: Context): Client {
  const authorization = `Bearer ${getCookie(context, COOKIE) ?? ""}`;
  let failure: Client["failure"] = null;
  return {
    get failure() {
      return failure;
    },
    call: async (method, path, body, key) => {
      const headers = {
        authorization,
        "content-type": "application/json",
        ...(key === undefined ? {} : { [KEY_HEADER]: key }),
      };
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const response = await api.request(path, init, context.env);
      const answer = (await response.json()) as Record<string, unknown>;
      if (response.ok) return { isOk: true, body: answer };
      const { code, detail } = answer;
      const { status } = response;
      const refused = { isOk: false as const, status, code: String(code), detail: String(detail) };
      if (status >= 500 || status === 429) failure = refused;
      return refused;
    },
    open: async (path, headers) => api.request(path, { headers: { ...headers, authorization } }, context.env),
  };
}
