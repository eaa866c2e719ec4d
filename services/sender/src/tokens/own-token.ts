import { expression, typed, type Fragment, type Sql, type Transaction } from "@turno/database";
import { accessTokens, channels } from "@turno/database/schema";
import type { SealedToken, TokenVault } from "./token-vault.ts";

/** The access token that a row `channel` has of its own: the channel's goes before its account's. */
export const ownToken = (sql: Sql | Transaction): Fragment => sql`(
  select token.scope, token.key, token.fingerprint, token.key_id, token.sealed from access_tokens as token
  where (token.scope = 'channel' and token.key = channel.id::text)
    or (token.scope = 'account' and token.key = channel.account_id)
  order by token.scope desc limit 1)`;

/** The name in circuits of the token with which a row `channel` sends; `tokenKey` is that of what has none of its own. */
export const tokenKeyOf = (sql: Sql | Transaction, tokenKey: string | null): Fragment =>
  sql`coalesce((select fingerprint from ${ownToken(sql)} as own), ${tokenKey}::text)`;

/** Which messages a sender has a token for. */
export interface OpenableTokens {
  /** Names the access token of what has none of its own, without being it. Null where there is none: then that waits. */
  tokenKey: string | null;
  /** The keys that open tokens here. What has a token of its own under another key is left to a sender that has it. */
  keyIds?: readonly string[];
}

/** The condition that a sender has a token for a row `channel`. */
export const hasToken = (sql: Sql | Transaction, { keyIds = [], tokenKey }: OpenableTokens): Fragment =>
  sql`coalesce((select key_id = any(${[...keyIds]}::text[]) from ${ownToken(sql)} as own), ${tokenKey !== null})`;

/** What opens tokens, and the token of what has none of its own. */
export interface TokenChoice {
  vault: TokenVault;
  fallback: string | null;
}

/** Returns a token in clear: the one given, or that of what has none of its own. Throws a `TokenUnreadable`. */
export function openToken({ vault, fallback }: TokenChoice, own: SealedToken | null): string | null {
  return own === null ? fallback : vault.open(own);
}

/** Reads the token with which an account is asked: its own, that of one of its channels, or that of what has none. */
export async function readAccountToken(sql: Sql, accountId: string, choice: TokenChoice): Promise<string | null> {
  const { scope, key } = accessTokens;
  const isOwn = expression<boolean>`${scope} = 'account' and ${key} = ${accountId}`;
  const isOfChannel = expression<boolean>`${scope} = 'channel' and exists (
    select from ${channels} where ${channels.id}::text = ${key} and ${channels.accountId} = ${accountId})`;
  const [own] = await typed(sql)
    .select(SEALED_COLUMNS)
    .from(accessTokens)
    .where(expression`(${isOwn}) or (${isOfChannel})`)
    .orderBy(scope, key)
    .limit(1);
  return openToken(choice, own ?? null);
}

/** Reads the names of all tokens that accounts and channels have of their own. */
export async function readFingerprints(sql: Sql): Promise<ReadonlySet<string>> {
  const rows = await typed(sql).select({ fingerprint: accessTokens.fingerprint }).from(accessTokens);
  return new Set(rows.map(({ fingerprint }) => fingerprint));
}

const SEALED_COLUMNS = {
  scope: accessTokens.scope,
  key: accessTokens.key,
  fingerprint: accessTokens.fingerprint,
  keyId: accessTokens.keyId,
  sealed: accessTokens.sealed,
};
