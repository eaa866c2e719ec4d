import { failureCause, readErrorObject, readText } from "@turno/whatsapp";
import { z } from "zod";

/** What one call to Graph saw. `away`: no answer of Graph's came. */
export type Looked<T> =
  | { kind: "seen"; value: T }
  | { kind: "refused"; code: number | null; details: string }
  | { kind: "away"; cause: string };

const id = z.string().min(1).max(64);
const word = z.string().max(200);
const url = z.string().max(2_000);

/** Shapes by Meta: "debug_token", and the WhatsApp Business Management API's references of number and account. */
const tokenSchema = z.object({
  data: z.object({
    app_id: id.optional(),
    is_valid: z.boolean(),
    /** Seconds since the epoch; 0: never. */
    expires_at: z.number().default(0),
    scopes: z.array(word).max(200).default([]),
    granular_scopes: z
      .array(z.object({ scope: word, target_ids: z.array(id).max(5_000).optional() }))
      .max(200)
      .default([]),
  }),
});
export type TokenFacts = z.infer<typeof tokenSchema>["data"];

const numberSchema = z.object({
  id,
  status: word.optional(),
  quality_rating: word.optional(),
  code_verification_status: word.optional(),
  throughput: z.object({ level: word }).optional(),
  webhook_configuration: z
    .object({
      application: url.optional(),
      whatsapp_business_account: url.optional(),
      phone_number: url.optional(),
    })
    .optional(),
});
export type NumberFacts = z.infer<typeof numberSchema>;

const NUMBERS_PER_PAGE = 100;
const numbersSchema = z.object({
  data: z.array(numberSchema).max(NUMBERS_PER_PAGE),
  paging: z
    .object({ cursors: z.object({ after: z.string().max(1_000).optional() }).optional(), next: url.optional() })
    .optional(),
});
const appsSchema = z.object({
  data: z.array(z.object({ whatsapp_business_api_data: z.object({ id }) })).max(1_000),
});
const subscriptionsSchema = z.object({
  data: z
    .array(
      z.object({
        object: word,
        callback_url: url.optional(),
        active: z.boolean().default(true),
        fields: z
          .array(z.object({ name: word }))
          .max(500)
          .default([]),
      }),
    )
    .max(100),
});
export type SubscriptionFacts = z.infer<typeof subscriptionsSchema>["data"][number];

const NUMBER_FIELDS = "id,status,quality_rating,code_verification_status,throughput,webhook_configuration";
/** An account may have 20 numbers, or more on request; ten times the highest known means that pages go round in a circle. */
const PAGES_MAX = 20;

/** Looks at what Graph tells a token of itself, of accounts and numbers. It changes nothing. */
export interface GraphLook {
  token(): Promise<Looked<TokenFacts>>;
  numbers(accountId: string): Promise<Looked<NumberFacts[]>>;
  number(phoneNumberId: string): Promise<Looked<NumberFacts>>;
  /** Ids of the apps that get an account's webhooks. */
  subscribedApps(accountId: string): Promise<Looked<string[]>>;
  /** What an app has subscribed to. Meta answers to an app's own token, and to few others. */
  subscriptions(appId: string): Promise<Looked<SubscriptionFacts[]>>;
  templates(accountId: string): Promise<Looked<unknown>>;
  /** How far Meta's clock was ahead of this host's at the last answer, in milliseconds; null before one that said its time. */
  clockAheadMs(): number | null;
}

export interface GraphLookOptions {
  /** The only address that gets the token. */
  baseUrl: string;
  version: string;
  accessToken: string;
  timeoutMs: number;
}

/** Creates a look with one token. It follows no redirect, because the token would go with it, and no address that Meta names. */
export function createGraphLook(options: GraphLookOptions): GraphLook {
  const base = `${options.baseUrl.replace(/\/+$/, "")}/${options.version}`;
  const headers = { authorization: `Bearer ${options.accessToken}` };
  let aheadMs: number | null = null;

  async function get<T>(path: string, query: Record<string, string>, schema: z.ZodType<T>): Promise<Looked<T>> {
    const from = Date.now();
    let status: number;
    let text: string;
    try {
      const signal = AbortSignal.timeout(options.timeoutMs);
      const response = await fetch(`${base}/${path}?${new URLSearchParams(query).toString()}`, {
        headers,
        redirect: "manual",
        signal,
      });
      status = response.status;
      aheadMs = readAhead(response.headers.get("date"), from, Date.now()) ?? aheadMs;
      text = await readText(response);
    } catch (error) {
      return { kind: "away", cause: failureCause(error) };
    }
    const body = parseJson(text);
    if (status === 200) {
      const parsed = schema.safeParse(body);
      if (parsed.success) return { kind: "seen", value: parsed.data };
    }
    const said = readErrorObject((body as { error?: unknown } | null)?.error);
    return {
      kind: "refused",
      code: said?.code ?? null,
      details: said?.details ?? `an answer of another shape (${status})`,
    };
  }
  const idOf = encodeURIComponent;

  return {
    token: async () =>
      map(await get("debug_token", { input_token: options.accessToken }, tokenSchema), ({ data }) => data),
    async numbers(accountId) {
      const numbers: NumberFacts[] = [];
      let cursor: Record<string, string> = {};
      for (let page = 0; page < PAGES_MAX; page++) {
        const query = { fields: NUMBER_FIELDS, limit: String(NUMBERS_PER_PAGE), ...cursor };
        const looked = await get(`${idOf(accountId)}/phone_numbers`, query, numbersSchema);
        if (looked.kind !== "seen") return looked;
        numbers.push(...looked.value.data);
        const after = looked.value.paging?.next === undefined ? undefined : looked.value.paging.cursors?.after;
        if (after === undefined) return { kind: "seen", value: numbers };
        cursor = { after };
      }
      return { kind: "refused", code: null, details: `more than ${PAGES_MAX} pages of numbers` };
    },
    number: (phoneNumberId) => get(idOf(phoneNumberId), { fields: NUMBER_FIELDS }, numberSchema),
    subscribedApps: async (accountId) =>
      map(await get(`${idOf(accountId)}/subscribed_apps`, {}, appsSchema), ({ data }) =>
        data.map((app) => app.whatsapp_business_api_data.id),
      ),
    subscriptions: async (appId) =>
      map(await get(`${idOf(appId)}/subscriptions`, {}, subscriptionsSchema), ({ data }) => data),
    templates: (accountId) =>
      get(
        `${idOf(accountId)}/message_templates`,
        { fields: "id", limit: "1" },
        z.object({ data: z.array(z.unknown()) }),
      ),
    clockAheadMs: () => aheadMs,
  };
}

function map<T, U>(looked: Looked<T>, read: (value: T) => U): Looked<U> {
  return looked.kind === "seen" ? { kind: "seen", value: read(looked.value) } : looked;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is not JSON is told by its status.
    return null;
  }
}

const SECOND_MS = 1_000;

/** Returns how far a `Date` header is outside the time of its call; it has whole seconds. Source: RFC 9110, section 6.6.1. */
function readAhead(date: string | null, from: number, to: number): number | null {
  const at = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(at)) return null;
  if (at + SECOND_MS < from) return at + SECOND_MS - from;
  return Math.max(0, at - to);
}
