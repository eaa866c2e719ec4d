import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";
import { templateStatusValue } from "../account-changes.ts";
import { type SimulatedChannel, type Update } from "../envelope.ts";
import { type Json, type JsonObject, serialise } from "../json.ts";
import { forkRandom, type Random } from "../random.ts";
import { type Simulator } from "../simulator.ts";
import { type AnswerRule, createAnswers } from "./answers.ts";
import { createFaults, type FaultRule, type FaultShare } from "./faults.ts";
import { errorFacts, graphErrorBody } from "./graph-error.ts";
import { createSchedule } from "./schedule.ts";
import { answerSettings, createMetaSettings, type MetaSettings } from "./settings.ts";
import { createSendLedger, type SendLedger } from "./send-ledger.ts";
import { createSending, type CallEnding } from "./sending.ts";
import { defaultStatusBehaviour, type StatusBehaviour } from "./status-emitter.ts";
import { sampleTemplates, type SimulatedTemplate, templatePage, type TemplateStatus } from "./templates.ts";
import { type BucketRule } from "./token-bucket.ts";

export interface GraphServerOptions {
  /** The world whose customers are written to; statuses and answers leave through its delivery. */
  simulator: Pick<Simulator, "customers" | "channels" | "message" | "post" | "drain">;
  accessTokens: readonly string[];
  /** Whether a token may be used for an account or a number; by default each for all. */
  reaches?: (token: string, owner: string) => boolean;
  random: Random;
  /** Meta's clock, ms since the epoch: it ends the sessions. */
  now: () => number;
  /** 0, the default, picks a free one. */
  port?: number;
  templates?: readonly SimulatedTemplate[];
  faults?: readonly FaultShare[];
  statuses?: Partial<StatusBehaviour>;
  /** Share of the sends outside of a session that are accepted and fail later with 131047, instead of being refused at once. */
  lateSessionRefusalShare?: number;
  /** Meta's throughput of a number and of a pair of numbers, by default 80/s, and 1 per 6 s with bursts of 45. Null for no limit. */
  numberLimit?: BucketRule | null;
  pairLimit?: BucketRule | null;
  /** The clock of the limits in ms, from any start; the real one by default. */
  elapsedMs?: () => number;
}

export interface GraphServer {
  /** The address for `GRAPH_URL`, without path. */
  readonly url: string;
  readonly ledger: SendLedger;
  /** What is set at Meta, to be changed by a test. */
  readonly settings: MetaSettings;
  /** The templates as they are now. */
  templates(): readonly SimulatedTemplate[];
  /** Makes something go wrong with sends to come; the function given back ends it. */
  fail(rule: FaultRule): () => void;
  /** Makes customers answer messages to come; the function given back ends it. */
  answer(rule: AnswerRule): () => void;
  /** Changes a template's status, and says so by webhook. Resolves once that was answered 200. Throws a `RangeError` for an unknown one. */
  setTemplateStatus(name: string, language: string, status: TemplateStatus): Promise<void>;
  /** Resolves when all statuses and answers were sent and answered 200. */
  drain(): Promise<void>;
  /** Breaks connections off and forgets planned statuses. */
  stop(): Promise<void>;
}

/** Starts a Graph API for sends and templates. It listens on the loopback only. Rejects where the port is taken. */
export async function createGraphServer(options: GraphServerOptions): Promise<GraphServer> {
  const { simulator, random, now } = options;
  const schedule = createSchedule();
  const ledger = createSendLedger();
  const templates = (options.templates ?? sampleTemplates).map((template) => ({ ...template }));
  const faults = createFaults(options.faults ?? [], forkRandom(random));
  const post = (updates: readonly Update[]) => simulator.post(updates);
  const answers = createAnswers({ schedule, post, message: (request) => simulator.message(request) });
  const sending = createSending({
    customers: simulator.customers,
    channels: simulator.channels,
    templates,
    faults,
    answers,
    ledger,
    schedule,
    post,
    now,
    random: forkRandom(random),
    behaviour: { ...defaultStatusBehaviour, ...options.statuses },
    lateSessionRefusalShare: options.lateSessionRefusalShare ?? 0,
    numberLimit: options.numberLimit === undefined ? { size: 80, everyMs: 1_000 / 80 } : options.numberLimit,
    pairLimit: options.pairLimit === undefined ? { size: 45, everyMs: 6_000 } : options.pairLimit,
    elapsedMs: options.elapsedMs ?? (() => performance.now()),
  });
  const settings = createMetaSettings(simulator.channels);
  const route = createRoute({ ...options, templates, settings, send: (channel, body) => sending.send(channel, body) });
  const server = createServer((request, response) => {
    if (settings.dateAheadMs !== 0)
      response.setHeader("date", new Date(Date.now() + settings.dateAheadMs).toUTCString());
    void serve(request, response, route, ledger);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ledger,
    settings,
    templates: () => templates,
    fail: (rule) => faults.add(rule),
    answer: (rule) => answers.add(rule),
    async setTemplateStatus(name, language, status) {
      const template = templates.find((entry) => entry.name === name && entry.language === language);
      if (template === undefined) throw new RangeError(`there is no template ${name} in ${language}`);
      template.status = status;
      await simulator.post([templateUpdate(template, simulator.channels[0] as SimulatedChannel, now())]);
    },
    async drain() {
      await schedule.untilIdle();
      await simulator.drain();
    },
    async stop() {
      schedule.stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface RouteOptions extends Pick<GraphServerOptions, "simulator" | "accessTokens" | "reaches"> {
  templates: readonly SimulatedTemplate[];
  settings: MetaSettings;
  send: (channel: SimulatedChannel, body: unknown) => Promise<CallEnding>;
}

type Route = (request: IncomingMessage, readBody: () => Promise<string>) => Promise<CallEnding>;

const error = (code: number, details?: string): CallEnding => ({ kind: "error", code, details });

function createRoute({ simulator, accessTokens, reaches, templates, settings, send }: RouteOptions): Route {
  return async (request, readBody) => {
    const url = new URL(request.url ?? "/", `http://${request.headers.host ?? "localhost"}`);
    const [, version = "", owner = "", edge = "", ...rest] = url.pathname.split("/");
    const text = await readBody();
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined || !accessTokens.includes(token)) return error(190);
    if (reaches !== undefined && !reaches(token, owner)) return error(10);
    if (!/^v\d+\.\d+$/.test(version) || rest.length > 0) return error(100, "Unknown path components.");
    const set = request.method === "GET" ? answerSettings(settings, owner, edge) : null;
    if (set !== null)
      return typeof set["code"] === "number" ? error(set["code"]) : { kind: "answer", body: set as JsonObject };
    if (request.method === "GET" && edge === "message_templates") {
      if (!simulator.channels.some(({ accountId }) => accountId === owner)) return missing(owner);
      return { kind: "answer", body: templatePage(templates, url.searchParams, url.origin + url.pathname) };
    }
    if (request.method !== "POST" || edge !== "messages") return error(100, "Unsupported request.");
    const channel = simulator.channels.find(({ phoneNumberId }) => phoneNumberId === owner);
    if (channel === undefined) return missing(owner);
    const body = parseJson(text);
    return body === undefined ? error(100, "The body is not JSON.") : send(channel, body);
  };
}

const missing = (id: string) => error(100, `Object with ID '${id}' does not exist.`);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  route: Route,
  ledger: SendLedger,
): Promise<void> {
  // A caller that goes away is what some tests are about; it needs no answer.
  const outcome = await route(request, () => readText(request)).catch((cause: unknown) => {
    if (request.destroyed && !request.complete) return { kind: "reset" } as const;
    throw cause;
  });
  if (outcome.kind === "error") {
    ledger.countRefusal(outcome.code);
    const traceId = `T${ledger.messages().length}-${outcome.code}`;
    answerJson(response, errorFacts(outcome.code).httpStatus, graphErrorBody(outcome.code, outcome.details, traceId));
  } else if (outcome.kind === "answer") answerJson(response, 200, outcome.body);
  else if (outcome.kind === "reset") request.socket.destroy();
  else if (outcome.kind === "server-error")
    response.writeHead(502, { "Content-Type": "text/html" }).end("<h1>502</h1>");
  // `no-answer` leaves the request hanging until its caller gives up.
}

function answerJson(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { "Content-Type": "application/json; charset=UTF-8" }).end(serialise(body));
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function templateUpdate(
  { id, name, language, status }: SimulatedTemplate,
  channel: SimulatedChannel,
  at: number,
): Update {
  return {
    id: `template:${id}:${status}:${at}`,
    kind: "other",
    field: "message_template_status_update",
    item: templateStatusValue(id, name, language, status),
    channel,
    entryTime: Math.floor(at / 1_000),
  };
}
