import { at } from "./columns.ts";
import { index, integer, pgTable, primaryKey, text, uuid } from "./drizzle.ts";
import { agents } from "./people.ts";

/** As whom an issuer knows an agent: its `iss` and `sub`. An admin names it, or the first sign-in by a verified address notes it. */
export const agentLogins = pgTable(
  "agent_logins",
  {
    issuer: text("issuer").notNull(),
    subject: text("subject").notNull(),
    agentId: uuid("agent_id")
      .notNull()
      .references(() => agents.id),
  },
  (table) => [
    primaryKey({ columns: [table.issuer, table.subject] }),
    index("agent_logins_agent_id_idx").on(table.agentId),
  ],
);

/**
 * One browser in which somebody is signed in. Who that is follows from `agent_logins`, so that it ends with the login. The
 * browser alone holds the secret, from which comes the key of `sealed_tokens`: these rows open nothing.
 * `secret_hash` is the SHA-256 of the secret, in base64url.
 */
export const signIns = pgTable(
  "sign_ins",
  {
    secretHash: text("secret_hash").primaryKey(),
    issuer: text("issuer").notNull(),
    subject: text("subject").notNull(),
    /** What the issuer gave, encrypted: for the next refresh, and for its page to sign out. */
    sealedTokens: text("sealed_tokens").notNull(),
    createdAt: at("created_at").notNull(),
    /** It does not last beyond this, whatever is done with it. */
    lastsUntil: at("lasts_until").notNull(),
    /** Nor beyond this, unless it is used or it lasts no longer. */
    expiresAt: at("expires_at").notNull(),
    /** Until then the issuer's word holds. */
    tokenEndsAt: at("token_ends_at").notNull(),
    /** When the issuer is asked again; null where it gave no refresh token. */
    refreshDueAt: at("refresh_due_at"),
    /** One process asks the issuer until then, or tries no more before. */
    refreshingUntil: at("refreshing_until"),
    /** Counts the tokens: what a slower refresh brings is not taken for the newest. */
    refreshes: integer("refreshes").notNull().default(0),
  },
  (table) => [index("sign_ins_expires_at_idx").on(table.expiresAt)],
);
