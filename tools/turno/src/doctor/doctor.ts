import { COMMANDS, EXAMINATION_VERBS, type Check, type Examination, type ExaminationVerb } from "@turno/contracts";
import { BrokerFailure, requestCommand, type Connection } from "@turno/messaging";
import { RELEASE } from "@turno/runtime";
import { CLI_ACTOR } from "../request.ts";
import { judgeCertificate, judgeConsole, judgeNoMonitor, judgeSync, judgeWebhook } from "./judge-outside.ts";
import { judgeBroker, judgeHeard, judgeHostClock, judgeNode, judgeReleases, type Heard } from "./judge-services.ts";
import { readCertificate, getPage, readSync, tryHandshake } from "./look-outside.ts";

/** A check and who looked: a service, or `doctor`. */
export type ReportedCheck = Check & { service: string };

export interface DoctorReport {
  release: string;
  checks: ReportedCheck[];
  sound: number;
  wrong: number;
  unseen: number;
}

export interface DoctorOptions {
  /** Addresses of nats-server's monitoring. */
  natsMonitors: readonly string[];
  /** Public addresses to try, beside those that the services know. */
  urls: readonly string[];
  /** How long a service may take, in milliseconds: the sender asks Meta of each account. */
  answerMsMax?: number;
}

const ANSWER_MS_MAX = 120_000;
const ADDRESSES_AT_ONCE = 8;

/** Asks every service what it sees, adds what is seen from here, and returns all of it. It changes nothing. */
export async function examineAll(connection: Connection, options: DoctorOptions): Promise<DoctorReport> {
  const timeoutMs = options.answerMsMax ?? ANSWER_MS_MAX;
  const heard = await Promise.all(EXAMINATION_VERBS.map((verb) => hear(connection, verb, timeoutMs)));
  const syncs = await Promise.all(options.natsMonitors.map(async (one) => judgeSync(one, await readSync(one))));
  const own = [
    ...heard.map(judgeHeard),
    judgeReleases(heard, RELEASE),
    ...heard.flatMap(judgeNode),
    ...heard.flatMap(judgeHostClock),
    judgeBroker(connection.nats.info?.version),
    ...(syncs.length === 0 ? [judgeNoMonitor()] : syncs),
    ...(await lookAtAddresses(addressesOf(heard, options.urls))),
  ];
  const checks = [
    ...own.map((check) => ({ service: "doctor", ...check })),
    ...heard.flatMap((one) =>
      one.kind === "none" ? [] : one.examination.checks.map((check) => ({ service: one.service, ...check })),
    ),
  ];
  const counted = (state: Check["state"]) => checks.filter((check) => check.state === state).length;
  return { release: RELEASE, checks, sound: counted("sound"), wrong: counted("wrong"), unseen: counted("unseen") };
}

async function hear(connection: Connection, verb: ExaminationVerb, timeoutMs: number): Promise<Heard> {
  const { service } = COMMANDS[verb];
  const askedAt = Date.now();
  try {
    const reply = await requestCommand(connection, verb, { actor: CLI_ACTOR }, { timeoutMs });
    if ("refusal" in reply) return { kind: "none", service, why: `It refuses: ${reply.refusal.message}` };
    // Another release may answer in another shape.
    const answer = COMMANDS[verb].answer.safeParse(reply);
    if (!answer.success)
      return { kind: "none", service, why: "It answers in another shape: it is of another release." };
    return { kind: "answer", service, examination: answer.data, askedAt, answeredAt: Date.now() };
  } catch (error) {
    if (!(error instanceof BrokerFailure)) throw error;
    return { kind: "none", service, why: `It was not heard: ${error.message}` };
  }
}

type Address = Examination["addresses"][number];

/** An address that is given is a webhook where its path says so. */
function addressesOf(heard: readonly Heard[], urls: readonly string[]): Address[] {
  const given = urls.map((url): Address => ({ kind: url.includes("/webhooks/") ? "webhook" : "console", url }));
  const known = heard.flatMap((one) => (one.kind === "answer" ? one.examination.addresses : []));
  return [
    ...new Map([...known, ...given].filter(({ url }) => URL.canParse(url)).map((one) => [one.url, one])).values(),
  ];
}

async function lookAtAddresses(addresses: readonly Address[]): Promise<Check[]> {
  const checks: Check[] = [];
  for (let index = 0; index < addresses.length; index += ADDRESSES_AT_ONCE) {
    const some = addresses.slice(index, index + ADDRESSES_AT_ONCE);
    checks.push(...(await Promise.all(some.map(lookAtAddress))).flat());
  }
  return checks;
}

async function lookAtAddress({ kind, url }: Address): Promise<Check[]> {
  const certificate = judgeCertificate(url, await readCertificate(url), Date.now());
  const page =
    kind === "webhook" ? judgeWebhook(url, await tryHandshake(url)) : judgeConsole(url, await getPage(new URL(url)));
  return [certificate, page];
}

/** Returns a report for a person: a line for each sound check, and for each other one what is wrong and what to do. */
export function renderReport({ checks, sound, wrong, unseen }: DoctorReport): string {
  const blocks = [...Map.groupBy(checks, ({ service }) => service)].map(([service, own]) =>
    [service, ...own.map(renderCheck)].join("\n"),
  );
  return [...blocks, `${sound} sound, ${wrong} wrong, ${unseen} not seen`].join("\n\n");
}

function renderCheck({ state, code, looked, wrong, advice }: Check): string {
  if (state === "sound") return `  ok     ${looked}`;
  const mark = state === "wrong" ? "WRONG" : "?    ";
  return [`  ${mark}  ${looked} (${code})`, `         ${wrong ?? ""}`, `         to do: ${advice ?? ""}`].join("\n");
}
