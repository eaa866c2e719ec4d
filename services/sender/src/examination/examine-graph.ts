import { unseenCheck, type Check, type Examination } from "@turno/contracts";
import type { Examined } from "@turno/messaging";
import type { GraphLook, Looked, NumberFacts } from "./graph-look.ts";
import {
  callbackOf,
  judgeAway,
  judgeMetaClock,
  judgeNumber,
  judgeSubscribedApps,
  judgeSubscriptions,
  judgeTemplates,
  judgeToken,
  type ExaminedChannel,
} from "./judge-graph.ts";

/** Channels that send with one token. */
export interface TokenChannels {
  look: GraphLook;
  channels: readonly ExaminedChannel[];
}

/** How many accounts and numbers one look asks for: Meta counts each call. */
const ASKED_MAX = 200;
const AT_ONCE = 4;
const ADDRESSES_MAX = 50;

/** Looks at Meta with every token, one after the other. What Meta refuses is a check and no error. */
export async function examineGraph(tokens: readonly TokenChannels[], now: number): Promise<Examined> {
  const checks: Check[] = [];
  const callbacks = new Set<string>();
  for (const token of tokens) checks.push(...(await examineToken(token, callbacks, now)));
  const [first] = tokens;
  if (first !== undefined) checks.push(judgeMetaClock(first.look.clockAheadMs()));
  const addresses: Examination["addresses"] = [...callbacks]
    .slice(0, ADDRESSES_MAX)
    .map((url) => ({ kind: "webhook", url }));
  return { checks, addresses };
}

async function examineToken({ look, channels }: TokenChannels, callbacks: Set<string>, now: number): Promise<Check[]> {
  const token = await look.token();
  const checks = judgeToken(token, channels, now);
  if (token.kind === "away" || checks.some(({ code, state }) => code === "token-valid" && state === "wrong"))
    return checks;
  const appId = token.kind === "seen" ? (token.value.app_id ?? null) : null;
  if (appId !== null) checks.push(judgeSubscriptions(appId, await look.subscriptions(appId)));
  const byAccount = Map.groupBy(channels, ({ accountId }) => accountId);
  const accounts = [...byAccount.entries()].slice(0, ASKED_MAX);
  checks.push(...judgeRest(byAccount.size - accounts.length, "accounts"));
  for (let index = 0; index < accounts.length; index += AT_ONCE) {
    const some = accounts.slice(index, index + AT_ONCE);
    const found = await Promise.all(
      some.map(([accountId, own]) => examineAccount(look, { accountId, channels: own, appId }, callbacks)),
    );
    checks.push(...found.flat());
    // Who does not answer now would make every other question wait as long.
    if (found.flat().some(({ code }) => code === "graph")) return checks;
  }
  return checks;
}

async function examineAccount(
  look: GraphLook,
  {
    accountId,
    channels,
    appId,
  }: { accountId: string | null; channels: readonly ExaminedChannel[]; appId: string | null },
  callbacks: Set<string>,
): Promise<Check[]> {
  if (accountId === null) return examineNumbers(look, { channels, listed: null }, callbacks);
  const [apps, templates, numbers] = await Promise.all([
    look.subscribedApps(accountId),
    look.templates(accountId),
    look.numbers(accountId),
  ]);
  if (numbers.kind === "away") return [judgeAway(numbers.cause)];
  return [
    judgeSubscribedApps(accountId, apps, appId),
    judgeTemplates(accountId, templates),
    ...(await examineNumbers(look, { channels, listed: numbers.kind === "seen" ? numbers.value : null }, callbacks)),
  ];
}

/** A number that its account lists is known by that; each other one is asked for. */
async function examineNumbers(
  look: GraphLook,
  { channels, listed }: { channels: readonly ExaminedChannel[]; listed: readonly NumberFacts[] | null },
  callbacks: Set<string>,
): Promise<Check[]> {
  const known = new Map((listed ?? []).map((facts) => [facts.id, facts]));
  const checks: Check[] = [];
  let asked = 0;
  for (const channel of channels) {
    const facts = known.get(channel.phoneNumberId);
    if (facts === undefined && asked >= ASKED_MAX) continue;
    if (facts === undefined) asked += 1;
    const own: Looked<NumberFacts> =
      facts === undefined ? await look.number(channel.phoneNumberId) : { kind: "seen", value: facts };
    checks.push(...judgeNumber(channel, { listed, own }));
    if (own.kind === "away") return checks;
    const callback = own.kind === "seen" ? callbackOf(own.value) : null;
    if (callback !== null) callbacks.add(callback);
  }
  const rest = channels.filter(({ phoneNumberId }) => !known.has(phoneNumberId)).length - asked;
  return [...checks, ...judgeRest(rest, "numbers")];
}

const judgeRest = (left: number, what: string): Check[] =>
  left <= 0
    ? []
    : [
        unseenCheck("not-asked", `${left} more ${what}`, {
          why: `One look asks for ${ASKED_MAX} at most.`,
          advice: "Look at them in Meta's WhatsApp Manager.",
        }),
      ];
