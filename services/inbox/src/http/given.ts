import type { Context } from "hono";
import { toInvalid, toProblem } from "./problem.ts";
import type { Route } from "./route.ts";

/** Deeper than anything that is meant, far less than what overflows a stack on its way. */
const DEPTH_MAX = 32;

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
  if (!isStorable(query)) return { problem: refuseText() };
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
  return isStorable(value) ? { value } : { problem: refuseText() };
}

function refuseText(): Response {
  const message = `Text must be well-formed and without U+0000, and nested at most ${DEPTH_MAX} deep.`;
  return toProblem({ code: "invalid", message });
}

/** Whether every text in it can be stored, and it is not nested without bound. Walks without recursion. */
function isStorable(value: unknown): boolean {
  const stack: { value: unknown; depth: number }[] = [{ value, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (typeof next.value === "string" && !isText(next.value)) return false;
    if (typeof next.value !== "object" || next.value === null) continue;
    if (next.depth >= DEPTH_MAX) return false;
    for (const [key, inner] of Object.entries(next.value)) {
      if (!isText(key)) return false;
      stack.push({ value: inner, depth: next.depth + 1 });
    }
  }
  return true;
}

const isText = (text: string) => !text.includes("\u0000") && text.isWellFormed();
