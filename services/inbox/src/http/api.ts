import { callerKeySchema, KEY_HEADER, type CommandInput } from "@turno/contracts";
import { isRefusal, type Sql } from "@turno/database";
import type { CommandResponder } from "@turno/messaging";
import { isDefect } from "@turno/runtime";
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import type { EventTail } from "../live/event-tail.ts";
import { streamLive } from "../live/stream.ts";
import type { SignIns } from "../sign-in/sign-ins.ts";
import { createAdmission, refuseRate, type Caller } from "./admit.ts";
import { answerError, type ErrorListeners } from "./answer-error.ts";
import type { Authenticate } from "./authentication.ts";
import { COMMAND_ROUTES } from "./command-routes.ts";
import { readGiven } from "./given.ts";
import { toInvalid, toProblem } from "./problem.ts";
import { READ_ROUTES } from "./read-routes.ts";
import type { Route } from "./route.ts";

/** No body of ours comes near it: texts are bounded, and a configuration is at most a few thousand rows. */
const BODY_BYTES_MAX = 512 * 1024;
const COMMAND_TIMEOUT_MS = 10_000;
/** Live streams of one agent at once: a few screens, and those that broke and are not yet missed. */
const LIVE_STREAMS_MAX = 10;

export interface ApiOptions extends ErrorListeners {
  sql: Sql;
  /** Gives a command to whoever owns it. */
  request: CommandResponder["request"];
  tail: EventTail;
  authenticate: Authenticate;
  /** Who is signed in with a browser; null where nobody can be. */
  signIns: SignIns | null;
  rate: { perSecond: number; burst: number };
  onRequest: (route: string, status: number, seconds: number) => void;
}

export const ROUTES: readonly Route[] = [...READ_ROUTES, ...COMMAND_ROUTES];

/** `/v1`: each route authenticates, checks what it is given, and gives a command to its owner or reads. */
export function createApi(options: ApiOptions): Hono {
  const app = new Hono();
  const live = new Map<string, number>();
  const admit = createAdmission(options);

  app.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'none'"] }, referrerPolicy: "no-referrer" }));
  app.use(async (context, next) => {
    context.header("cache-control", "no-store");
    await next();
  });
  app.use(
    bodyLimit({
      maxSize: BODY_BYTES_MAX,
      onError: () => toProblem({ code: "too-large", message: `A body may have ${BODY_BYTES_MAX} bytes at most.` }),
    }),
  );
  app.onError((error) => answerError(error, options));
  for (const route of ROUTES) {
    app.on(route.method.toUpperCase(), route.path.replaceAll(/\{(\w+)\}/g, ":$1"), async (context) => {
      const startedAt = performance.now();
      const caller = await admit(context);
      const answer = caller instanceof Response ? caller : await answerRoute(options, route, context, caller);
      options.onRequest(`${route.method} ${route.path}`, answer.status, (performance.now() - startedAt) / 1000);
      return answer;
    });
  }
  app.get("/v1/live", async (context) => {
    const caller = await admit(context);
    if (caller instanceof Response) return caller;
    const { expiresAt, readAgain } = caller;
    const { agentId } = caller.asker;
    const streams = live.get(agentId) ?? 0;
    if (streams >= LIVE_STREAMS_MAX) return refuseRate();
    live.set(agentId, streams + 1);
    return streamLive(context, {
      tail: options.tail,
      readAsker: readAgain,
      expiresAt,
      nowMs: () => Date.now(),
      onError: (error) => (isDefect(error) ? options.onDefect(error) : options.onFailure(error)),
      onEnd: () => {
        const left = (live.get(agentId) ?? 1) - 1;
        if (left === 0) live.delete(agentId);
        else live.set(agentId, left);
      },
    });
  });
  app.all("/v1/*", (context) => refuseUnknownRoute(context));
  return app;
}

async function answerRoute(options: ApiOptions, route: Route, context: Context, caller: Caller): Promise<Response> {
  const given = await readGiven(context, route);
  if ("problem" in given) return given.problem;
  if (route.verb === null) {
    const answer = await route.read(options.sql, caller.asker, given);
    return isRefusal(answer) ? toProblem(answer) : context.json(answer);
  }
  const key = readKey(context, route);
  if (key instanceof Response) return key;
  const { agentId } = caller.asker;
  const actor = { kind: "agent" as const, agentId };
  const input = { ...route.toInput({ ...given, agentId }), actor } as CommandInput<typeof route.verb>;
  const reply = await options.request(route.verb, input, { timeoutMs: COMMAND_TIMEOUT_MS, key });
  if ("refusal" in reply) return toProblem(reply.refusal);
  const { ok: _ok, ...answer } = reply;
  return context.json(answer);
}

/** The caller's key, bare or as the quoted string of the IETF draft "The Idempotency-Key HTTP Header Field". */
function readKey(context: Context, route: Route): string | undefined | Response {
  const given = route.body === null ? undefined : context.req.header(KEY_HEADER);
  const parsed = callerKeySchema.optional().safeParse(given?.replace(/^"(.*)"$/, "$1"));
  if (parsed.success) return parsed.data;
  return toInvalid(
    parsed.error.issues.map((issue) => ({ ...issue, path: [KEY_HEADER] })),
    "header",
  );
}

function refuseUnknownRoute(context: Context): Response {
  const known = ROUTES.filter(({ path }) => {
    const pattern = path.replaceAll(/\{\w+\}/g, "[^/]+");
    return new RegExp(`^${pattern}$`).test(context.req.path);
  });
  if (known.length === 0) return toProblem({ code: "no-such-route", message: "There is no such route: see /docs." });
  const allowed = known.map(({ method }) => method.toUpperCase()).join(", ");
  const problem = toProblem({ code: "method-not-allowed", message: `This route takes ${allowed}.` });
  problem.headers.set("allow", allowed);
  return problem;
}
