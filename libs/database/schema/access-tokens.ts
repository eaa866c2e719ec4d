import { check, pgTable, primaryKey, sql, text } from "./drizzle.ts";
import { at, json } from "./columns.ts";

/** Whose an access token can be: one of an account (WABA), or of a single channel, which goes first. */
export const TOKEN_SCOPES = ["account", "channel"] as const;

/** The access tokens of Meta, encrypted. Nobody but the sender reads them. */
export const accessTokens = pgTable(
  "access_tokens",
  {
    scope: text("scope", { enum: TOKEN_SCOPES }).notNull(),
    /** Meta's id of the account, or our id of the channel. */
    key: text("key").notNull(),
    /** Names the token in circuits and lists, without being it. It stays when the token is encrypted again. */
    fingerprint: text("fingerprint").notNull(),
    /** Of the key of `TOKEN_KEYS` that opens it. */
    keyId: text("key_id").notNull(),
    sealed: text("sealed").notNull(),
    setAt: at("set_at").notNull(),
    setBy: json("set_by").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.scope, table.key] }),
    check("access_tokens_scope_check", sql`scope in ('account', 'channel')`),
  ],
);
