import { Hono, type Context, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { csrf } from "hono/csrf";
import type { CallerEnvironment } from "../http/admit.ts";
import type { LocalIssuer } from "../http/local-issuer.ts";
import { SCRIPT, STYLE } from "./assets.ts";
import { COOKIE, createClient, type Answer, type Client } from "./client.ts";
import { readAddressee } from "./first.ts";
import { FORMS, pathOfForm, readTemplate, type Form } from "./forms.ts";
import { CONSOLE_POLICY, writeLogin, writePage, type EntryChoice, type Person } from "./layout.ts";
import { readPage, type Refused, type Shown, type ShownTemplate } from "./read-page.ts";
import { readTicketEdit } from "./ticket.ts";

const FORM_BYTES_MAX = 128 * 1024;
const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

/**
 * How often an open page says that its agent is there. Presence lasts 45 seconds, and an open page asks for itself
 * every 15 at least.
 */
const BEAT_MS = 10_000;

/** How people enter without a token, in the local stack and in tests. */
export interface LocalEntry {
  issuer: LocalIssuer;
  listPeople: () => Promise<Person[]>;
}

/** How people enter who are signed in by an issuer. */
export interface SignInEntry {
  issuers: readonly { name: string; label: string }[];
  /** Returns the secret that the browser's cookie holds; empty where it has none. */
  readSecret: (context: Context) => string;
  leave: (context: Context) => Promise<Response>;
}

interface Entries {
  local: LocalEntry | null;
  signIn: SignInEntry | null;
}

type Show = (context: Context, asked: Partial<Shown> & { refused: Refused | null }) => Promise<Response>;

/**
 * Creates the console for agents. The server writes it; its script only renews what the server wrote. It is a client of
 * the API in this process: it sends the caller's token along and shows what comes back, so that no rule is said twice.
 */
export function createConsole(
  api: Hono,
  { publicOrigin, ...entries }: Entries & { publicOrigin: string | null },
): Hono {
  const app = new Hono();
  const isOwn = (origin: string, context: Context) =>
    origin === publicOrigin || origin === new URL(context.req.url).origin;
  app.use(csrf({ origin: isOwn }));
  app.use(bodyLimit({ maxSize: FORM_BYTES_MAX }));
  app.use(protectPages("same-origin"));
  for (const { name, type, text } of [SCRIPT, STYLE]) {
    const headers = { "content-type": type, "cache-control": "public, max-age=31536000, immutable" };
    app.get(`/${name}`, (context) => context.body(text, 200, headers));
  }
  const isBeatDue = createBeats();
  const show: Show = (context, asked) =>
    showPage(createClient(api, context), context, entries, { ...asked, isBeatDue });
  if (entries.signIn === null) addEntry(app, entries.local, publicOrigin?.startsWith("https:") === true);
  else addSignIn(app, entries.signIn);
  addDesk(app, api, show);
  addConversation(app, api, show);
  addTicket(app, api, show);
  addFirst(app, api, show);
  return app;
}

/** Creates what gives each page its headers. */
export const protectPages =
  (referrerPolicy: string): MiddlewareHandler =>
  async (context, next) => {
    await next();
    context.header("content-security-policy", CONSOLE_POLICY);
    context.header("x-content-type-options", "nosniff");
    context.header("referrer-policy", referrerPolicy);
    if (!context.res.headers.has("cache-control")) context.header("cache-control", "no-store");
  };

/** Has the API know people by their sign-in, which comes with a request from here and with no other. */
function addSignIn(app: Hono, { readSecret, leave }: SignInEntry): void {
  app.use(async (context, next) => {
    context.env = { ...(context.env as CallerEnvironment), signIn: readSecret(context) };
    await next();
  });
  app.post("/logout", leave);
}

function addEntry(app: Hono, local: LocalEntry | null, isBehindTls: boolean): void {
  app.post("/login", async (context) => {
    const { agentId = "", token = "" } = await readForm(context);
    const isId = new RegExp(`^${UUID}$`, "i").test(agentId);
    const secure = isBehindTls || new URL(context.req.url).protocol === "https:";
    const value = local !== null && isId ? await local.issuer.issue(agentId) : token;
    setCookie(context, COOKIE, value, { path: "/console", httpOnly: true, sameSite: "Strict", secure });
    return context.redirect("/console", 303);
  });
  app.post("/logout", (context) => {
    deleteCookie(context, COOKIE, { path: "/console" });
    return context.redirect("/console", 303);
  });
}

function addDesk(app: Hono, api: Hono, show: Show): void {
  app.get("/", (context) => show(context, { conversationId: null, refused: null }));
  app.get("/live", (context) => {
    const lastId = context.req.header("last-event-id");
    return createClient(api, context).open("/v1/live", lastId === undefined ? {} : { "last-event-id": lastId });
  });
  app.post("/availability", async (context) => {
    const form = await readForm(context);
    const { agentId = "", availability } = form;
    const path = `/v1/agents/${encodeURIComponent(agentId)}/availability`;
    const answer = await createClient(api, context).call("POST", path, { availability }, form["key"]);
    const conversationId = readOpenId(context);
    if (!answer.isOk) return show(context, { conversationId, refused: refusedOf(answer, form) });
    return context.redirect(conversationId === null ? "/console" : `/console/c/${conversationId}`, 303);
  });
  app.post("/claim-next", async (context) => {
    const form = await readForm(context);
    const { groupId } = form;
    const body = groupId === undefined ? {} : { groupId };
    const answer = await createClient(api, context).call("POST", "/v1/claim-next", body, form["key"]);
    if (!answer.isOk) return show(context, { conversationId: readOpenId(context), refused: refusedOf(answer, form) });
    return context.redirect(`/console/c/${String(answer.body["conversationId"])}`, 303);
  });
}

/** After these the conversation may be somebody else's. */
const GIVES_AWAY = new Set(["transfer", "decline"]);

function addConversation(app: Hono, api: Hono, show: Show): void {
  app.get(`/c/:id{${UUID}}`, (context) => show(context, { conversationId: context.req.param("id"), refused: null }));
  app.post(`/c/:id{${UUID}}/:verb{.+}`, async (context) => {
    const { id, verb } = context.req.param();
    if (verb !== "template" && !Object.hasOwn(FORMS, verb)) return context.notFound();
    const client = createClient(api, context);
    const form = await readForm(context);
    const answer =
      verb === "template"
        ? await sendTemplate(client, id, form)
        : await client.call("POST", pathOfForm(verb, id, form), FORMS[verb]?.(form), form["key"]);
    if (!answer.isOk) return show(context, { conversationId: id, refused: refusedOf(answer, form) });
    // Who has ended a conversation finishes its ticket.
    const ended = answer.body["ticket"] as { number: number } | null | undefined;
    if (ended !== undefined && ended !== null) return context.redirect(`/console/t/${ended.number}`, 303);
    // A template on an expired conversation leads to a new one; who gave one away has nothing to see there.
    const next = typeof answer.body["conversationId"] === "string" ? answer.body["conversationId"] : id;
    const isSeen = !GIVES_AWAY.has(verb) || (await client.call("GET", `/v1/conversations/${next}`)).isOk;
    return context.redirect(isSeen ? `/console/c/${next}` : "/console", 303);
  });
}

function addTicket(app: Hono, api: Hono, show: Show): void {
  app.get("/t/:ticket{[0-9]+}", (context) => show(context, { ticket: context.req.param("ticket"), refused: null }));
  app.post("/t/:ticket{[0-9]+}/edit", async (context) => {
    const ticket = context.req.param("ticket");
    const form = await readForm(context);
    const conversationId = new RegExp(`^${UUID}$`).exec(form["back"] ?? "")?.[0] ?? null;
    const shown = conversationId === null ? { ticket } : { conversationId };
    const answer = await createClient(api, context).call(
      "PATCH",
      `/v1/tickets/${ticket}`,
      readTicketEdit(form),
      form["key"],
    );
    if (!answer.isOk) return show(context, { ...shown, refused: refusedOf(answer, form) });
    return context.redirect(conversationId === null ? `/console/t/${ticket}` : `/console/c/${conversationId}`, 303);
  });
  app.post(`/t/:ticket{[0-9]+}/note/:actionId{${UUID}}`, async (context) => {
    const { ticket, actionId } = context.req.param();
    const form = await readForm(context);
    const path = `/v1/tickets/${ticket}/actions/${actionId}/note`;
    const answer = await createClient(api, context).call("POST", path, { note: form["note"] }, form["key"]);
    if (!answer.isOk) return show(context, { ticket, refused: refusedOf(answer, form) });
    return context.redirect(`/console/t/${ticket}`, 303);
  });
}

function addFirst(app: Hono, api: Hono, show: Show): void {
  app.get("/first", (context) => show(context, { isFirst: true, refused: null }));
  app.post("/first", async (context) => {
    const form = await readForm(context);
    const answer = await writeFirst(createClient(api, context), form);
    if (!answer.isOk) return show(context, { isFirst: true, refused: refusedOf(answer, form) });
    return context.redirect(`/console/c/${String(answer.body["conversationId"])}`, 303);
  });
}

async function writeFirst(client: Client, form: Form): Promise<Answer> {
  const channelId = encodeURIComponent(form["channel"] ?? "");
  const filled = await fillTemplate(client, channelId, form);
  if ("isOk" in filled) return filled;
  const body = { ...filled, to: readAddressee(form) };
  return client.call("POST", `/v1/channels/${channelId}/conversations`, body, form["key"]);
}

async function sendTemplate(client: Client, id: string, form: Form): Promise<Answer> {
  const conversation = await client.call("GET", `/v1/conversations/${id}`);
  if (!conversation.isOk) return conversation;
  const { channel } = conversation.body as { channel: { id: string } };
  const filled = await fillTemplate(client, channel.id, form);
  if ("isOk" in filled) return filled;
  return client.call("POST", `/v1/conversations/${id}/messages`, filled, form["key"]);
}

/** Makes the message of a form that names a template and its parameters; the account's list says where they go. */
async function fillTemplate(
  client: Client,
  channelId: string,
  form: Form,
): Promise<object | Extract<Answer, { isOk: false }>> {
  const listed = await client.call("GET", `/v1/channels/${channelId}/templates`);
  if (!listed.isOk) return listed;
  const [name = "", language = ""] = (form["template"] ?? "").split("|");
  const known = (listed.body["templates"] as ShownTemplate[]).find(
    (one) => one.name === name && one.language === language,
  );
  // Of one that is not there the gate says so.
  return readTemplate(known ?? { name, language, components: [] }, form);
}

async function showPage(
  client: Client,
  context: Context,
  entries: Entries,
  {
    conversationId = null,
    ticket = null,
    isFirst = false,
    refused,
    isBeatDue,
  }: Parameters<Show>[1] & { isBeatDue: (agentId: string) => boolean },
): Promise<Response> {
  // A form that was refused keeps the choices that the page's address had made.
  const { given = {} } = refused ?? {};
  const isChoice = given["template"] !== undefined || given["find"] !== undefined;
  const query = { ...context.req.query(), ...(isChoice ? given : {}) };
  const page = await readPage(client, { conversationId, ticket, isFirst, query, refused, isBeatDue });
  if (!("isOk" in page)) return context.html(writePage(page), statusOf(page.refused?.status));
  const { signIn } = entries;
  const isNew = (signIn === null ? getCookie(context, COOKIE) : signIn.readSecret(context) || undefined) === undefined;
  return context.html(
    writeLogin(isNew ? null : page.detail, await choiceOf(entries, context)),
    isNew ? 200 : statusOf(page.status),
  );
}

async function choiceOf({ local, signIn }: Entries, context: Context): Promise<EntryChoice> {
  if (local !== null) return { by: "name", people: await local.listPeople() };
  if (signIn === null) return { by: "token" };
  const { pathname, search } = new URL(context.req.url);
  const returnTo = context.req.method === "GET" ? `${pathname}${search}` : "/console";
  return { by: "issuer", issuers: signIn.issuers, returnTo };
}

/** Returns the conversation that was open on the page that sent a form beside it: it stays open. */
function readOpenId(context: Context): string | null {
  const page = context.req.header("referer") ?? "";
  return new RegExp(`/console/c/(${UUID})(?:[/?]|$)`).exec(page)?.[1] ?? null;
}

/** Creates a function that tells whether an agent's heartbeat is due again. */
function createBeats(): (agentId: string) => boolean {
  const beatAt = new Map<string, number>();
  return (agentId) => {
    const now = performance.now();
    if (now - (beatAt.get(agentId) ?? -BEAT_MS) < BEAT_MS) return false;
    beatAt.set(agentId, now);
    return true;
  };
}

async function readForm(context: Context): Promise<Form> {
  // A form that cannot be read says nothing, and the API refuses what is missing.
  const fields = Object.entries(await context.req.parseBody().catch(() => ({})));
  return Object.fromEntries(fields.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])));
}

const statusOf = (status: number | undefined) => (status ?? 200) as 409;

function refusedOf(answer: Extract<Answer, { isOk: false }>, given: Form): Refused {
  const isOutcomeKnown = answer.status < 500 && answer.code !== "key-under-way";
  return { form: given["form"] ?? "", detail: answer.detail, status: answer.status, isOutcomeKnown, given };
}
