import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import type { Refusal } from "@turno/conversation";
import { asJson, type Sql, type Transaction } from "@turno/database";
import { refuseTokens, refuseWithoutKeys } from "./access-token-commands.ts";
import { TokenUnreadable, type SealedToken, type TokenVault } from "./token-vault.ts";

type Row = Omit<SealedToken, "fingerprint" | "scope"> & { scope: "account" | "channel" };

/** So few at a time that nobody who sets a token waits long for its row. */
const PIECE = 200;

/**
 * Encrypts every token again by the first key, a piece at a time. Sending goes on: whoever reads a row finds the old form
 * or the new one, and opens both. What no key opens stays as it is, and is named.
 */
export async function rotateTokenKeys(
  sql: Sql,
  { actor }: CommandRequest<"rotate-token-keys">,
  vault: TokenVault,
): Promise<CommandAnswer<"rotate-token-keys"> | Refusal> {
  const refused = (await refuseTokens(sql, actor)) ?? refuseWithoutKeys(vault);
  if (refused !== null) return refused;
  const [keyId = ""] = vault.keyIds;
  const unreadable: Pick<Row, "scope" | "key">[] = [];
  let rotated = 0;
  let after: Pick<Row, "scope" | "key"> = { scope: "account", key: "" };
  for (;;) {
    const piece = await sql.begin((tx) => rotatePiece(tx, { keyId, after }, vault));
    rotated += piece.rotated;
    unreadable.push(...piece.unreadable);
    if (piece.last === undefined) break;
    after = piece.last;
  }
  const left = await sql<{ keyId: string; tokens: number }[]>`
    select key_id as "keyId", count(*)::int as tokens from access_tokens
    where key_id <> ${keyId} group by key_id order by key_id`;
  return { keyId, rotated, unreadable, left: [...left] };
}

async function rotatePiece(
  tx: Transaction,
  { keyId, after }: { keyId: string; after: Pick<Row, "scope" | "key"> },
  vault: TokenVault,
) {
  const rows = await tx<Row[]>`
    select scope, key, key_id as "keyId", sealed from access_tokens
    where key_id <> ${keyId} and (scope, key) > (${after.scope}, ${after.key})
    order by scope, key limit ${PIECE} for update`;
  const unreadable: Pick<Row, "scope" | "key">[] = [];
  const sealed = rows.flatMap((row) => {
    const { scope, key } = row;
    try {
      return [{ scope, key, ...vault.seal({ scope, key }, vault.open(row)) }];
    } catch (error) {
      if (!(error instanceof TokenUnreadable)) throw error;
      unreadable.push({ scope, key });
      return [];
    }
  });
  await tx`
    update access_tokens set key_id = rotated."keyId", sealed = rotated.sealed
    from json_to_recordset(${asJson(sealed)}::text::json) as rotated(scope text, key text, "keyId" text, sealed text)
    where access_tokens.scope = rotated.scope and access_tokens.key = rotated.key`;
  return { rotated: sealed.length, unreadable, last: rows.at(-1) };
}
