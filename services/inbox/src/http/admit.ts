import type { Refusal } from "@turno/conversation";
import { isRefusal, type Sql } from "@turno/database";
import type { Context } from "hono";
import { z } from "zod";
import { hashSecret } from "../sign-in/sealed-tokens.ts";
import { personOf, type PersonRow } from "../sign-in/sign-in-rows.ts";
import { toAsker, type SignedIn, type SignIns } from "../sign-in/sign-ins.ts";
import type { Authenticate, Authenticated } from "./authentication.ts";
import { toProblem } from "./problem.ts";
import { createRateLimit, type RateLimit } from "./rate-limit.ts";
import { rememberTokens } from "./remember-tokens.ts";
import type { AgentAsker } from "./route.ts";

export interface Caller extends SignedIn {
  /** Reads again who it is: a refusal where it is nobody now. */
  readAgain: () => Promise<AgentAsker | Refusal>;
}

/** What comes with a request from within this process, and never over the network. */
export interface CallerEnvironment {
  incoming?: { socket?: { remoteAddress?: string } };
  /** The secret of a sign-in, from its cookie, in place of a token. Empty where the browser has none. */
  signIn?: string;
}

/** Secrets that were valid, so that guessing them is limited and using them is not. */
const SECRETS_MAX = 10_000;

const nowMs = () => performance.now();

/** Creates what tells who sends a request, in one statement of the database; its refusal as an answer otherwise. */
export function createAdmission(options: {
  sql: Sql;
  authenticate: Authenticate;
  signIns: SignIns | null;
  rate: { perSecond: number; burst: number };
}): (context: Context) => Promise<Caller | Response> {
  const { sql, signIns } = options;
  const limits = {
    callers: createRateLimit({ ...options.rate, nowMs }),
    strangers: createRateLimit({ ...options.rate, nowMs }),
  };
  const authenticate = rememberTokens(options.authenticate, { nowMs, now: Date.now });
  const admitSecret = createSecretAdmission(signIns, limits);
  return async (context) => {
    const { signIn } = context.env as CallerEnvironment;
    const mayVerify = () => limits.strangers.take(addressOf(context));
    if (signIn !== undefined) return admitSecret(signIn, mayVerify);
    const authenticated = await authenticate(context.req.header("authorization"), mayVerify);
    if (authenticated === "too-many") return refuseRate();
    if (authenticated === "invalid") {
      return toProblem({ code: "not-authenticated", message: "Send a valid token: authorization: Bearer <token>." });
    }
    if (!limits.callers.take(authenticated.subject)) return refuseRate();
    const readAgain = () => readAgent(sql, authenticated);
    const asker = await readAgain();
    return isRefusal(asker) ? toProblem(asker) : { asker, expiresAt: authenticated.expiresAt, readAgain };
  };
}

const SIGNED_OUT = { code: "not-authenticated", message: "You are signed out: sign in again." };
const ISSUER_AWAY = {
  code: "unavailable",
  message: "Your sign-in could not be renewed, because the identity provider does not answer. Try again in a moment.",
};

function createSecretAdmission(signIns: SignIns | null, limits: { callers: RateLimit; strangers: RateLimit }) {
  const agentIds = new Map<string, string>();
  return async (secret: string, mayLook: () => boolean): Promise<Caller | Response> => {
    const hash = hashSecret(secret);
    if (signIns === null || hash === null) return toProblem(SIGNED_OUT);
    const known = agentIds.get(hash);
    if (known === undefined ? !mayLook() : !limits.callers.take(known)) return refuseRate();
    const signedIn = await signIns.read(secret);
    agentIds.delete(hash);
    if (signedIn === null) return toProblem(SIGNED_OUT);
    if (signedIn === "issuer-away") return toProblem(ISSUER_AWAY);
    if (isRefusal(signedIn)) return toProblem(signedIn);
    agentIds.set(hash, signedIn.asker.agentId);
    const [oldest] = agentIds.keys();
    if (agentIds.size > SECRETS_MAX && oldest !== undefined) agentIds.delete(oldest);
    return { ...signedIn, readAgain: async () => toAskerAgain(await signIns.read(secret)) };
  };
}

function toAskerAgain(read: Awaited<ReturnType<SignIns["read"]>>): AgentAsker | Refusal {
  if (read === null || read === "issuer-away") return { code: "not-permitted", message: "The sign-in is over." };
  return isRefusal(read) ? read : read.asker;
}

/** A login of the token's issuer comes before an agent's id: both may be UUIDs. */
async function readAgent(sql: Sql, { issuer, subject }: Authenticated): Promise<AgentAsker | Refusal> {
  const id = z.uuid().safeParse(subject).data ?? null;
  const [row] = await sql<PersonRow[]>`
    select ${personOf(sql)} from agents where agents.id = coalesce(
      (select agent_id from agent_logins where issuer = ${issuer} and subject = ${subject}), ${id}::uuid)`;
  if (row === undefined) return { code: "not-permitted", message: "The token's subject is none of our agents." };
  return toAsker(row);
}

export const refuseRate = () =>
  toProblem({ code: "too-many-requests", message: "More requests than one caller may send. Slow down." });

/** Returns from where a request comes, as far as the connection says. */
export function addressOf(context: Context): string {
  const { incoming } = context.env as CallerEnvironment;
  return incoming?.socket?.remoteAddress ?? "unknown";
}
