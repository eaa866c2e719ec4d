import { wrongCheck, type Check } from "@turno/contracts";
import type { Sql } from "@turno/database";
import type { Examined } from "@turno/messaging";
import type { SenderContext } from "../context.ts";
import { openToken, ownToken, type TokenChoice } from "../tokens/own-token.ts";
import { TokenUnreadable, type SealedToken } from "../tokens/token-vault.ts";
import { examineGraph } from "./examine-graph.ts";
import { createGraphLook } from "./graph-look.ts";
import type { ExaminedChannel } from "./judge-graph.ts";

/** How long one question to Meta may take, and no longer than a send. */
const LOOK_MS_MAX = 5_000;

interface ChannelRow extends Omit<ExaminedChannel, "ratePerSecond"> {
  ratePerSecond: number | null;
  own: SealedToken | null;
}

/** Looks at Meta as the sender that has the tokens, for every channel that is configured, with the token that it sends with. */
export async function examineSender({
  sql,
  config,
  tokens,
}: Pick<SenderContext, "sql" | "config" | "tokens">): Promise<Examined> {
  const { byToken, checks } = shareOut(await readChannels(sql), { tokens, rate: config.NUMBER_RATE_PER_SECOND });
  const groups = [...byToken].map(([accessToken, channels]) => ({
    look: createGraphLook({
      baseUrl: config.GRAPH_URL,
      version: config.GRAPH_VERSION,
      accessToken,
      timeoutMs: Math.min(LOOK_MS_MAX, config.SEND_TIMEOUT_MS),
    }),
    channels,
  }));
  const found = await examineGraph(groups, Date.now());
  return { ...found, checks: [...checks, ...found.checks] };
}

function readChannels(sql: Sql): Promise<ChannelRow[]> {
  return sql<ChannelRow[]>`
    select channel.name, channel.phone_number_id as "phoneNumberId", channel.account_id as "accountId",
      channel.rate_per_second as "ratePerSecond",
      case when own.key is null then null else json_build_object('scope', own.scope, 'key', own.key,
        'fingerprint', own.fingerprint, 'keyId', own.key_id, 'sealed', own.sealed) end as own
    from channels as channel left join lateral ${ownToken(sql)} as own on true
    order by channel.phone_number_id`;
}

/** Gives each channel to its token. A channel without a token that this sender can open is a fault of its own. */
export function shareOut(
  rows: readonly ChannelRow[],
  { tokens, rate }: { tokens: TokenChoice; rate: number },
): { byToken: Map<string, ExaminedChannel[]>; checks: Check[] } {
  const byToken = new Map<string, ExaminedChannel[]>(tokens.fallback === null ? [] : [[tokens.fallback, []]]);
  const checks: Check[] = [];
  for (const { own, ratePerSecond, ...channel } of rows) {
    const what = `the access token of ${channel.name} (number ${channel.phoneNumberId})`;
    try {
      const token = openToken(tokens, own);
      if (token === null) checks.push(wrongCheck("token-missing", what, MISSING));
      else byToken.set(token, [...(byToken.get(token) ?? []), { ...channel, ratePerSecond: ratePerSecond ?? rate }]);
    } catch (error) {
      if (!(error instanceof TokenUnreadable)) throw error;
      checks.push(wrongCheck("token-key", what, { wrong: error.message, advice: UNREADABLE_ADVICE }));
    }
  }
  // A token that nothing uses is not worth a look, unless there is nothing else to look at.
  if (tokens.fallback !== null && rows.length > 0 && byToken.get(tokens.fallback)?.length === 0) {
    byToken.delete(tokens.fallback);
  }
  return { byToken, checks };
}

const MISSING = {
  wrong: "It has none of its own, its account has none, and WHATSAPP_ACCESS_TOKEN is not set: what is sent here waits.",
  advice: "Set one for its account or for itself by `turno tokens set`.",
};
const UNREADABLE_ADVICE = "Give this sender the key in TOKEN_KEYS beside the new one, or set the token again.";
