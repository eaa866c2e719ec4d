import type { CommandVerb } from "@turno/contracts";
import { stageAgent, type Stage } from "@turno/testing";
import { isDeepStrictEqual } from "node:util";
import { COMMAND_ROUTES } from "../src/http/command-routes.ts";
import type { CommandRoute } from "../src/http/route.ts";
import { HERE, SELF, VERBS, OTHER_ROUTES, type MatrixRow, type RouteAsk } from "./matrix.ts";

interface MatrixRequest {
  method: string;
  path: string;
  body?: object;
}

type Values = Record<string, unknown>;

/** Returns the request by which somebody gives this very command over HTTP, or null where no route gives it. */
export function requestOf(verb: CommandVerb, input: object, agentId: string): MatrixRequest | null {
  const routes = COMMAND_ROUTES.filter((route) => route.verb === verb);
  return (
    routes.map((route) => writeRequest(route, input as Values, agentId)).find((request) => request !== null) ?? null
  );
}

function writeRequest(route: CommandRoute, input: Values, agentId: string): MatrixRequest | null {
  const ticket = input["ticket"] as { id?: string; number?: number } | undefined;
  const named: Values = { ...input, ticket: ticket?.id ?? ticket?.number };
  const params = pick(named, Object.keys(route.params.shape));
  const fields = Object.keys((route.body ?? route.query)?.shape ?? {});
  // A receipt's fields are the message's.
  const given = [input, (input["message"] ?? {}) as Values]
    .map((values) => pick(values, fields))
    .find((values) => isDeepStrictEqual(route.toInput({ params, given: values, agentId }), input));
  if (given === undefined) return null;
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(params[name]));
  const method = route.method.toUpperCase();
  if (route.body !== null) return { method, path, body: given };
  const query = new URLSearchParams(
    Object.entries(given).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return { method, path: `${path}?${query.toString()}` };
}

const pick = (values: Values, names: readonly string[]) =>
  Object.fromEntries(names.filter((name) => values[name] !== undefined).map((name) => [name, values[name]]));

/** What somebody was answered: null where it was done, or the code of why not; and everything that the answer says. */
export interface MatrixAnswer {
  code: string | null;
  text: string;
}

/** Somebody, or nobody: without an agent, and without a token. */
interface Caller {
  agentId: string;
  token: string | null;
}

/** One way to ask one thing: of a command or of a route, about a conversation where it is about any. */
export interface WayToAsk {
  /** `nats close`, `http close`, `GET /v1/me`, … */
  name: string;
  ask: (caller: Caller, conversationId?: string) => Promise<MatrixAnswer>;
}

type RowAsk = { verb: CommandVerb; input: object } | { route: string; ask: RouteAsk };

/** Returns every row of the table, with each way to ask each of its questions. */
export function rowsToAsk(stage: Stage, url: string): { name: string; row: MatrixRow<object>; ways: WayToAsk[][] }[] {
  const rows = (of: typeof VERBS | typeof OTHER_ROUTES, toAsk: (name: string, ask: object) => RowAsk) =>
    Object.entries<readonly MatrixRow<object>[] | string>(of).flatMap(([name, listed]) =>
      (typeof listed === "string" ? [] : listed).map((row, index) => ({
        name: `${name} ${index + 1}`,
        row,
        ways: "asks" in row ? row.asks.map((ask) => waysOf(stage, url, toAsk(name, ask))) : [],
      })),
    );
  return [
    ...rows(VERBS, (verb, input) => ({ verb: verb as CommandVerb, input })),
    ...rows(OTHER_ROUTES, (route, ask) => ({ route, ask: ask as RouteAsk })),
  ];
}

export function waysOf(stage: Stage, url: string, asked: RowAsk): WayToAsk[] {
  if ("route" in asked) {
    return [{ name: asked.route, ask: (caller, id) => askPath(url, caller, fill(asked.ask, caller.agentId, id)) }];
  }
  const { verb, input } = asked;
  const overHttp: WayToAsk = {
    name: `http ${verb}`,
    ask: async ({ agentId, token }, id) => {
      const request = requestOf(verb, fill(input, agentId, id), agentId);
      if (request === null) throw new Error(`no route gives ${verb}`);
      return askHttp(url, request, token);
    },
  };
  const overNats: WayToAsk = {
    name: `nats ${verb}`,
    ask: async ({ agentId }, id) => {
      const actor = { kind: "agent" as const, agentId };
      const reply = await stage.request(verb, { ...fill(input, agentId, id), actor });
      const text = JSON.stringify(reply);
      if (!("refusal" in reply)) return { code: null, text };
      // What is not understood asks nobody's permission.
      if (reply.refusal.code === "invalid") throw new Error(reply.refusal.message);
      return { code: reply.refusal.code, text };
    },
  };
  return requestOf(verb, input, SELF) === null ? [overNats] : [overNats, overHttp];
}

const fill = <T extends object>(ask: T, agentId: string, conversationId: string = HERE): T =>
  JSON.parse(JSON.stringify(ask).replaceAll(SELF, agentId).replaceAll(HERE, conversationId)) as T;

async function askHttp(
  url: string,
  { method, path, body }: MatrixRequest,
  token: string | null,
): Promise<MatrixAnswer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { "content-type": "application/json", ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status === 200) return { code: null, text };
  const { code, detail } = JSON.parse(text) as { code: string; detail: string };
  if (code === "invalid") throw new Error(`${method} ${path}: ${detail}`);
  return { code, text };
}

/** Asks a route of the API, or the console as a browser does, whose pages tell why not in words. */
async function askPath(url: string, caller: Caller, { path, form }: RouteAsk): Promise<MatrixAnswer> {
  if (!path.startsWith("/console")) return askHttp(url, { method: "GET", path }, caller.token);
  const response = await fetch(`${url}${path}`, {
    redirect: "manual",
    headers: { origin: url, ...(caller.token === null ? {} : { cookie: `turno_token=${caller.token}` }) },
    ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
  });
  const text = await response.text();
  if (text.includes("Who are you?")) {
    return { code: response.status === 403 ? "not-let-in" : "not-authenticated", text };
  }
  if (response.status === 422) throw new Error(`${path} was not understood`);
  const codes: Record<number, string | null> = { 200: null, 303: null, 403: "not-permitted" };
  const code = codes[response.status];
  return { code: code === undefined ? String(response.status) : code, text };
}

/** Gives a token to each of these agents of the stage, whether it is one or not. */
export async function tokensOf(url: string, indexes: readonly number[]): Promise<Map<number, Caller>> {
  const callers = await Promise.all(
    indexes.map(async (index) => {
      const agentId = stageAgent(index);
      const response = await fetch(`${url}/local/token/${agentId}`, { method: "POST" });
      const { token } = (await response.json()) as { token: string };
      return [index, { agentId, token }] as const;
    }),
  );
  return new Map(callers);
}
