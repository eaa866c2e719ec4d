import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { csrf } from "hono/csrf";
import type { LocalIssuer } from "../http/local-issuer.ts";
import { describeMessage } from "../transcript.ts";
import {
  CONSOLE_POLICY,
  writeConversation,
  writeDesk,
  writeLogin,
  type ShownConversation,
  type ShownGroup,
  type ShownMessage,
} from "./page.ts";

const COOKIE = "turno_token";
const FORM_BYTES_MAX = 32 * 1024;
const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

type Form = Record<string, string>;
type Answer = { isOk: true; body: Record<string, unknown> } | { isOk: false; status: number; detail: string };

/** What each form of a conversation asks of the API: its path below the conversation, and its body. */
const FORMS: Record<string, (form: Form) => object> = {
  claim: () => ({}),
  messages: ({ text = "" }) => ({ message: { type: "text", body: text } }),
  transfer: ({ to = "", reason = "" }) => ({
    to: to.startsWith("agent:") ? { agentId: to.slice(6) } : { groupId: to.slice(6) },
    ...(reason === "" ? {} : { reason }),
  }),
  ticket: ({ subject = "" }) => ({ subject }),
  "ticket-link": ({ number = "" }) => ({ ticket: { number: Number(number) } }),
  "ticket-link/confirm": () => ({}),
  "ticket-link/reject": () => ({}),
  close: () => ({}),
  finalise: () => ({}),
};

/** The API as the console's caller may use it. */
type Client = (context: Context, method: string, path: string, body?: object) => Promise<Answer>;

/**
 * A console for agents, written on the server, without a script. It is a client of the API in this process: it sends the
 * caller's token along and shows what comes back, so that no rule of the API is said a second time.
 */
export function createConsole(api: Hono, localIssuer: LocalIssuer | null): Hono {
  const app = new Hono();
  const call = createClient(api);
  app.use(csrf());
  app.use(bodyLimit({ maxSize: FORM_BYTES_MAX }));
  app.use(async (context, next) => {
    await next();
    context.header("content-security-policy", CONSOLE_POLICY);
    context.header("cache-control", "no-store");
    context.header("x-content-type-options", "nosniff");
    context.header("referrer-policy", "same-origin");
  });
  const isLocal = localIssuer !== null;
  app.get("/", (context) => showDesk(call, context, { isLocal, problem: null }));
  app.post("/login", async (context) => {
    const { agentId = "", token = "" } = await readForm(context);
    const isId = new RegExp(`^${UUID}$`, "i").test(agentId);
    const secure = new URL(context.req.url).protocol === "https:";
    const value = localIssuer !== null && isId ? await localIssuer.issue(agentId) : token;
    setCookie(context, COOKIE, value, { path: "/console", httpOnly: true, sameSite: "Strict", secure });
    return context.redirect("/console", 303);
  });
  app.post("/logout", (context) => {
    deleteCookie(context, COOKIE, { path: "/console" });
    return context.redirect("/console", 303);
  });
  app.post("/availability", async (context) => {
    const { availability } = await readForm(context);
    const me = await call(context, "GET", "/v1/me");
    const path = `/v1/agents/${me.isOk ? String(me.body["agentId"]) : ""}/availability`;
    const problem = me.isOk ? await call(context, "POST", path, { availability }) : me;
    return problem.isOk ? context.redirect("/console", 303) : showDesk(call, context, { isLocal, problem });
  });
  app.post("/claim-next", async (context) => {
    const answer = await call(context, "POST", "/v1/claim-next", {});
    if (!answer.isOk) return showDesk(call, context, { isLocal, problem: answer });
    return context.redirect(`/console/c/${String(answer.body["conversationId"])}`, 303);
  });
  app.get(`/c/:id{${UUID}}`, (context) => showConversation(call, context, { isLocal, problem: null }));
  app.post(`/c/:id{${UUID}}/:verb{.+}`, async (context) => {
    const { id, verb } = context.req.param();
    if (!Object.hasOwn(FORMS, verb)) return context.notFound();
    const body = FORMS[verb]?.(await readForm(context));
    const problem = await call(context, "POST", `/v1/conversations/${id}/${verb}`, body);
    return problem.isOk
      ? context.redirect(`/console/c/${id}`, 303)
      : showConversation(call, context, { isLocal, problem });
  });
  return app;
}

function createClient(api: Hono): Client {
  return async (context, method, path, body) => {
    const headers = { authorization: `Bearer ${getCookie(context, COOKIE) ?? ""}`, "content-type": "application/json" };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await api.request(path, init, context.env);
    const answer = (await response.json()) as Record<string, unknown>;
    if (response.ok) return { isOk: true, body: answer };
    return { isOk: false, status: response.status, detail: String(answer["detail"]) };
  };
}

interface Shown {
  isLocal: boolean;
  problem: Answer | null;
}

async function showDesk(call: Client, context: Context, { isLocal, problem }: Shown): Promise<Response> {
  const me = await call(context, "GET", "/v1/me");
  if (!me.isOk) {
    const isNew = getCookie(context, COOKIE) === undefined;
    return context.html(writeLogin(isNew ? null : me.detail, isLocal), isNew ? 200 : statusOf(me));
  }
  const [groups, queued, active, expired] = await Promise.all([
    call(context, "GET", "/v1/groups"),
    ...["queued", "active", "expired"].map((state) => call(context, "GET", `/v1/conversations?state=${state}`)),
  ]);
  const lists = [
    { title: "Waiting", conversations: listOf<ShownConversation>(queued, "conversations") },
    { title: "Active", conversations: listOf<ShownConversation>(active, "conversations") },
    { title: "Expired", conversations: listOf<ShownConversation>(expired, "conversations") },
  ];
  const shownGroups = listOf<ShownGroup>(groups, "groups");
  const desk = { agentId: String(me.body["agentId"]), groups: shownGroups, lists, problem: detailOf(problem) };
  return context.html(writeDesk(desk), statusOf(problem));
}

async function showConversation(call: Client, context: Context, { isLocal, problem }: Shown): Promise<Response> {
  const path = `/v1/conversations/${context.req.param("id")}`;
  const conversation = await call(context, "GET", path);
  // Who gave it away, or never had it, stands at the desk again.
  if (!conversation.isOk) return showDesk(call, context, { isLocal, problem: problem ?? conversation });
  const [messages, groups] = await Promise.all([
    call(context, "GET", `${path}/messages`),
    call(context, "GET", "/v1/groups"),
  ]);
  const shown = {
    conversation: conversation.body as unknown as ShownConversation,
    messages: listOf<ShownMessage & { content: unknown }>(messages, "messages")
      .map((message) => ({ ...message, text: describeMessage(message.kind, message.content) }))
      .toReversed(),
    groups: listOf<ShownGroup>(groups, "groups"),
    problem: detailOf(problem),
  };
  return context.html(writeConversation(shown), statusOf(problem));
}

async function readForm(context: Context): Promise<Form> {
  // A form that cannot be read says nothing, and the API refuses what is missing.
  const fields = Object.entries(await context.req.parseBody().catch(() => ({})));
  return Object.fromEntries(fields.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])));
}

const detailOf = (answer: Answer | null) => (answer === null || answer.isOk ? null : answer.detail);
const statusOf = (answer: Answer | null) => (answer === null || answer.isOk ? 200 : (answer.status as 409));
const listOf = <T>(answer: Answer | undefined, name: string): T[] =>
  answer?.isOk === true ? ((answer.body[name] as T[] | undefined) ?? []) : [];
