import { findUnstorable } from "@turno/contracts";
import type { Context } from "hono";
import { toInvalid, toProblem } from "./problem.ts";
import type { Route } from "./route.ts";

type Values = Record<string, unknown>;
export type Given = { params: Values; given: Values } | { problem: Response };

/** Reads and checks what a request gives a route: path, query or body. */
export async function readGiven(context: Context, route: Route): Promise<Given> {
  const params = route.params.safeParse(context.req.param());
  if (!params.success) return { problem: toInvalid(params.error.issues, "path") };
  if (route.body === null) return checkQuery(context, route, params.data);
  const body = await readBody(context);
  if ("problem" in body) return body;
  const parsed = route.body.safeParse(body.value);
  if (!parsed.success) return { problem: toInvalid(parsed.error.issues, "body") };
  return { params: params.data, given: parsed.data };
}

function checkQuery(context: Context, route: Route, params: Values): Given {
  const query = Object.fromEntries(new URL(context.req.url).searchParams);
  if (route.query === null) return { params, given: {} };
  const unstorable = findUnstorable(query);
  if (unstorable !== null) return { problem: toInvalid([unstorable], "query") };
  const parsed = route.query.safeParse(query);
  return parsed.success ? { params, given: parsed.data } : { problem: toInvalid(parsed.error.issues, "query") };
}

async function readBody(context: Context): Promise<{ value: unknown } | { problem: Response }> {
  const text = await context.req.text();
  if (text === "") return { value: {} };
  if (!/^application\/json\b/i.test(context.req.header("content-type") ?? "")) {
    return { problem: toProblem({ code: "unsupported-media-type", message: "Send the body as application/json." }) };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: toProblem({ code: "invalid", message: "The body is not JSON." }) };
  }
  const unstorable = findUnstorable(value);
  return unstorable === null ? { value } : { problem: toInvalid([unstorable], "body") };
}
