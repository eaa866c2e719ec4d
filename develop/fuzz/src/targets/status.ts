import { judge, readStatusLine } from "@turno/sender";
import { GRAPH_ERROR_CODES } from "@turno/simulator";
import { isRecord, parseExactJson, readSendAnswer, toTemplateRecord } from "@turno/whatsapp";
import { lineSeeds } from "../seeds.ts";
import { promise, ruleOf, type FuzzTarget } from "../target.ts";

/** What Meta says is cut to a thousand characters; the rest are our own words. */
const WORDS_LENGTH_MAX = 2_000;
const ID_LENGTH_MAX = 512;
const CODES = [200, 400, 401, 429, 500, 503, 302];

/** Statuses as lines of the log, and Graph's answers: the status of HTTP and a wait on the first line, then the text. */
export function createStatusTarget(): FuzzTarget {
  return {
    name: "status",
    reads: "delivery statuses, and answers of the Graph API",
    seeds: () => [
      ...lineSeeds("status").map((line) => Buffer.from(`{"code":200}\n${line}`)),
      ...answerSeeds().map((text) => Buffer.from(text)),
    ],
    execute(input) {
      const text = input.toString("utf8");
      const end = text.indexOf("\n");
      const body = text.slice(end + 1);
      const { code, wait } = headOf(text.slice(0, Math.max(0, end)));
      const first = read(body, code, wait);
      promise(
        JSON.stringify(first) === JSON.stringify(read(body, code, wait)),
        "the same words are read in another way",
      );
      return [...requireStatus(first.item), ...requireVerdict(first), ...first.templates];
    },
  };
}

function answerSeeds(): string[] {
  const errors = GRAPH_ERROR_CODES.map((code) => {
    const error = {
      message: `(#${code}) Something`,
      type: "OAuthException",
      code,
      error_data: { details: "What Meta says." },
      fbtrace_id: "A",
    };
    return `{"code":400,"wait":"3"}\n${JSON.stringify({ error })}`;
  });
  const template = {
    id: "1234567890123456",
    name: "greeting",
    language: "en_US",
    status: "APPROVED",
    category: "UTILITY",
    quality_score: { score: "GREEN" },
    components: [],
  };
  return [
    ...errors,
    '{"code":200}\n{"messaging_product":"whatsapp","contacts":[{"input":"1","wa_id":"1"}],"messages":[{"id":"wamid.x","message_status":"paused"}]}',
    '{"code":200}\n{"success":true}',
    `{"code":200}\n${JSON.stringify({ data: [template], paging: { cursors: { after: "x" } } })}`,
    '{"code":502}\n<html>Bad gateway</html>',
  ];
}

function headOf(line: string): { code: number; wait: string | null } {
  let head: unknown = null;
  try {
    head = JSON.parse(line);
  } catch {
    // An input without a head is an answer of 200.
  }
  const { code, wait } = isRecord(head) ? head : { code: 0, wait: null };
  return { code: CODES.find((known) => known === code) ?? 200, wait: typeof wait === "string" ? wait : null };
}

function read(body: string, code: number, wait: string | null) {
  const item = readStatusLine(body);
  const outcome = readSendAnswer(code, body, wait);
  const verdict = judge(outcome, { kind: "text", attempt: 1, retryUnitMs: 1_000, random: () => 0.5 });
  return { item, outcome, verdict, templates: templatesOf(body) };
}

/** Reads an answer as a page of the list of templates. */
function templatesOf(body: string): string[] {
  let page: unknown;
  try {
    page = parseExactJson(body);
  } catch {
    return [];
  }
  const data = isRecord(page) && Array.isArray(page["data"]) ? (page["data"] as unknown[]) : [];
  return data.map((entry) => {
    const template = toTemplateRecord(entry);
    if (template !== null) promise(/^\d{1,40}$/.test(template.templateId), "a template's id is none");
    return template === null ? "no template" : `template ${template.quality === null ? "" : "of a quality"}`;
  });
}

function requireStatus(item: ReturnType<typeof read>["item"]): string[] {
  if (item.kind === "unreadable") {
    promise(item.cause !== "", "a status is set aside without a cause");
    return [`cause ${ruleOf(item.cause)}`];
  }
  promise(!Number.isNaN(item.receivedAt.getTime()), "a status came at no instant");
  if (item.kind === "observation") return ["observation"];
  promise(item.wamid.length <= ID_LENGTH_MAX && !Number.isNaN(item.at.getTime()), "a status has no message or instant");
  if (item.kind === "payment") return ["payment"];
  if (item.failure !== null) requireWords(item.failure.message, item.failure.stop?.reason);
  return [
    `${item.report} ${item.failure?.class ?? ""} ${item.failure?.stop?.scope ?? ""} ${item.sendId === null ? "" : "ours"}`,
  ];
}

function requireVerdict({ outcome, verdict }: ReturnType<typeof read>): string[] {
  if (verdict.kind === "failed") requireWords(verdict.failure.message, verdict.failure.stop?.reason);
  if (verdict.kind === "retry") {
    requireWords(verdict.error.message);
    promise(Number.isFinite(verdict.delayMs) && verdict.delayMs >= 0, "a message waits for ever");
  }
  if (verdict.kind === "unknown") requireWords(verdict.cause);
  const refusal = outcome.kind === "refused" ? `${outcome.class} ${outcome.code === null ? "foreign" : "Graph's"}` : "";
  return [`${outcome.kind} ${verdict.kind} ${refusal}`];
}

/** Throws where words for people have no bound or cannot be stored. */
function requireWords(...words: (string | undefined)[]): void {
  for (const text of words) {
    if (text === undefined) continue;
    promise(text !== "" && text.length <= WORDS_LENGTH_MAX, "what Meta said has no bound");
    promise(!text.includes("\0") && text.isWellFormed(), "what Meta said cannot be stored");
  }
}
