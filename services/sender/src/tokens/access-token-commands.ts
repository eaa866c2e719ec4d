import type { Actor, CommandAnswer, CommandRequest } from "@turno/contracts";
import { OF_NO_GROUP, refuse, refuseUnpermitted, type Refusal } from "@turno/conversation";
import {
  and,
  eq,
  excluded,
  expression,
  isRefusal,
  readAsker,
  SENDS_WAKE_UP,
  TEMPLATES_WAKE_UP,
  typed,
  type Sql,
  type Transaction,
} from "@turno/database";
import { accessTokens } from "@turno/database/schema";
import type { TokenChoice } from "./own-token.ts";
import type { TokenVault } from "./token-vault.ts";

/** Refuses whoever may not see and set tokens. */
export async function refuseTokens(sql: Sql | Transaction, actor: Actor): Promise<Refusal | null> {
  const asker = await readAsker(sql, actor);
  return isRefusal(asker) ? asker : refuseUnpermitted(asker, "access-tokens", OF_NO_GROUP);
}

/** Returns the refusal of what needs a key, where this sender has none. */
export const refuseWithoutKeys = ({ keyIds }: TokenVault): Refusal | null =>
  keyIds.length > 0 ? null : refuse("invalid", "The senders have no TOKEN_KEYS, so they keep no token: set it first.");

/**
 * Gives an account or channel a token of its own, or takes it away. What was stopped for the old token or the new one goes
 * on: the circuit of the old one is closed also where it was not open, so that a call under way does not open it later.
 */
export async function setAccessToken(
  sql: Sql,
  { actor, scope, key: asked, token }: CommandRequest<"set-access-token">,
  vault: TokenVault,
): Promise<CommandAnswer<"set-access-token"> | Refusal> {
  // A channel's id may be written in capitals, and is compared as text.
  const key = scope === "channel" ? asked.toLowerCase() : asked;
  return sql.begin(async (tx) => {
    const refused = (await refuseTokens(tx, actor)) ?? (token === null ? null : refuseWithoutKeys(vault));
    if (refused !== null) return refused;
    const isThis = and(eq(accessTokens.scope, scope), eq(accessTokens.key, key));
    const [old] = await typed(tx)
      .select({ fingerprint: accessTokens.fingerprint })
      .from(accessTokens)
      .where(isThis)
      .for("update");
    if (token === null && old === undefined) return refuse("not-found", `The ${scope} ${key} has no token of its own.`);
    const fingerprint = token === null ? null : vault.fingerprint(token);
    if (token === null) await typed(tx).delete(accessTokens).where(isThis);
    else await writeToken(tx, { scope, key }, { actor, token, vault });
    await closeStops(tx, new Set([old?.fingerprint, fingerprint].filter((name) => typeof name === "string")));
    // What is sent and read from now on reads the row.
    await tx`select pg_notify(${SENDS_WAKE_UP}, ''), pg_notify(${TEMPLATES_WAKE_UP}, '')`;
    return { scope, key, fingerprint, channels: await countChannels(tx, { scope, key }) };
  });
}

async function writeToken(
  tx: Transaction,
  place: { scope: "account" | "channel"; key: string },
  { actor, token, vault }: { actor: Actor; token: string; vault: TokenVault },
): Promise<void> {
  const set = excluded(accessTokens, "fingerprint", "keyId", "sealed", "setAt", "setBy");
  const [fingerprint, setAt] = [vault.fingerprint(token), expression<Date>`turno_now()`];
  await typed(tx)
    .insert(accessTokens)
    .values({ ...place, ...vault.seal(place, token), fingerprint, setAt, setBy: actor })
    .onConflictDoUpdate({ target: [accessTokens.scope, accessTokens.key], set });
}

async function closeStops(tx: Transaction, fingerprints: ReadonlySet<string>): Promise<void> {
  await tx`
    insert into circuits (scope, key, state, code, reason, opened_at, closed_at, try_at)
    select 'token', name, 'closed', 0, 'its token was set', turno_now(), turno_now(), turno_clock()
    from unnest(${[...fingerprints]}::text[]) as names(name) order by 2
    on conflict (scope, key) do update set state = 'closed', closed_at = excluded.closed_at`;
}

/** Counts the channels whose token a place decides. */
async function countChannels(tx: Transaction, { scope, key }: { scope: string; key: string }): Promise<number> {
  const [row] = await tx<{ count: number }[]>`
    select count(*)::int as count from channels
    where (${scope} = 'channel' and id::text = ${key})
      or (${scope} = 'account' and account_id = ${key} and not exists (
        select from access_tokens as own where own.scope = 'channel' and own.key = channels.id::text))`;
  return row?.count ?? 0;
}

/** Lists who has a token of its own. */
export async function listAccessTokens(
  sql: Sql,
  { actor }: CommandRequest<"list-access-tokens">,
  { vault, fallback }: TokenChoice,
): Promise<CommandAnswer<"list-access-tokens"> | Refusal> {
  const refused = await refuseTokens(sql, actor);
  if (refused !== null) return refused;
  const { scope, key, fingerprint, keyId, setAt, setBy } = accessTokens;
  const rows = await typed(sql)
    .select({ scope, key, fingerprint, keyId, setAt, setBy })
    .from(accessTokens)
    .orderBy(scope, key);
  const tokens = rows.map((row) => ({ ...row, setAt: row.setAt.toISOString(), setBy: row.setBy as Actor }));
  return { tokens, keyIds: [...vault.keyIds], hasFallback: fallback !== null };
}
