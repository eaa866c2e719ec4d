import { Failure } from "@turno/runtime";
import { isRecord, parseExactJson, type JsonRecord } from "../exact-json.ts";
import { connectFailureCause, failureCause } from "./network-failure.ts";
import { readErrorObject, readSendAnswer, type GraphOutcome } from "./read-answer.ts";
import { toTemplateRecord, type TemplateRecord } from "./template-record.ts";

/** Graph could not be asked, or did not answer as Graph does. */
export class GraphFailure extends Failure {
  override readonly retryable: boolean;

  constructor(message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
  }
}

export interface GraphClient {
  /**
   * Sends one message. Never throws for what the network or Meta does: the outcome says it. An abort counts as unknown.
   */
  send(
    phoneNumberId: string,
    body: object,
    options: { accessToken: string; signal?: AbortSignal },
  ): Promise<GraphOutcome>;
  /** Lists all templates of an account, page by page. Throws a `GraphFailure`. */
  listTemplates(accountId: string, options: { accessToken: string }): Promise<TemplateRecord[]>;
}

export interface GraphClientOptions {
  /** The only address that gets a token. */
  baseUrl: string;
  /** Like `v26.0`. */
  version: string;
  /** From the call to the last byte of its answer. */
  timeoutMs: number;
}

const TEMPLATE_FIELDS = "id,name,language,status,category,quality_score,components";
const TEMPLATES_PER_PAGE = 100;
/**
 * The most pages of a list. An account may have 6,000 templates; ten times that means that the pages go round in a
 * circle.
 */
const PAGES_MAX = 600;

/** A page of templates is the largest answer, and has a tenth of it. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;

class AnswerTooLarge extends Error {
  readonly code = "ANSWER_TOO_LARGE";
}

/** Reads an answer's text. Throws, and gives the connection up, where it does not end. */
export async function readText({ body }: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > ANSWER_BYTES_MAX) throw new AnswerTooLarge();
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

const headersOf = (accessToken: string) => ({
  authorization: `Bearer ${accessToken}`,
  "content-type": "application/json",
});

/** Creates a client of Meta's Graph API. It never follows a redirect, because the token would go with it. */
export function createGraphClient(options: GraphClientOptions): GraphClient {
  const base = `${options.baseUrl.replace(/\/+$/, "")}/${options.version}`;

  async function readPage(accountId: string, accessToken: string, after: string | null): Promise<JsonRecord> {
    const query = new URLSearchParams({ fields: TEMPLATE_FIELDS, limit: String(TEMPLATES_PER_PAGE) });
    if (after !== null) query.set("after", after);
    const url = `${base}/${encodeURIComponent(accountId)}/message_templates?${query.toString()}`;
    const signal = AbortSignal.timeout(options.timeoutMs);
    let status: number;
    let body: unknown;
    try {
      const response = await fetch(url, { headers: headersOf(accessToken), redirect: "manual", signal });
      status = response.status;
      body = parseExactJson(await readText(response));
    } catch (cause) {
      throw new GraphFailure(`templates cannot be listed: ${failureCause(cause)}`, { retryable: true, cause });
    }
    if (status === 200 && isRecord(body)) return body;
    const error = isRecord(body) ? readErrorObject(body["error"]) : null;
    const reason = error === null ? `answered ${status}` : `code ${error.code}, ${error.details}`;
    throw new GraphFailure(`templates cannot be listed: ${reason}`, { retryable: status >= 500 });
  }

  return {
    async send(phoneNumberId, body, { accessToken, signal }) {
      const timeout = AbortSignal.timeout(options.timeoutMs);
      try {
        const response = await fetch(`${base}/${encodeURIComponent(phoneNumberId)}/messages`, {
          method: "POST",
          headers: headersOf(accessToken),
          redirect: "manual",
          body: JSON.stringify(body),
          signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        });
        return readSendAnswer(response.status, await readText(response), response.headers.get("retry-after"));
      } catch (error) {
        const connectCause = connectFailureCause(error);
        if (connectCause === null) return { kind: "unknown", cause: failureCause(error) };
        const details = `Graph cannot be reached: ${connectCause}`;
        return { kind: "refused", code: null, details, class: "A", retryAfterMs: null };
      }
    },
    async listTemplates(accountId, { accessToken }) {
      const templates: TemplateRecord[] = [];
      let after: string | null = null;
      for (let page = 0; page < PAGES_MAX; page++) {
        const body = await readPage(accountId, accessToken, after);
        const data = Array.isArray(body["data"]) ? (body["data"] as unknown[]) : [];
        templates.push(...data.map(toTemplateRecord).filter((template) => template !== null));
        after = nextCursor(body["paging"]);
        if (after === null) return templates;
      }
      throw new GraphFailure(`templates cannot be listed: more than ${PAGES_MAX} pages`, { retryable: false });
    },
  };
}

/** Returns the cursor of the next page. Only the cursor is taken, because Meta must not decide where the token goes. */
function nextCursor(paging: unknown): string | null {
  if (!isRecord(paging) || typeof paging["next"] !== "string") return null;
  const cursors = paging["cursors"];
  const after = isRecord(cursors) ? cursors["after"] : undefined;
  return typeof after === "string" && after !== "" ? after : null;
}
