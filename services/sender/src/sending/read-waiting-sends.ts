import type { Sql } from "@turno/database";
import { hasToken, type OpenableTokens } from "../tokens/own-token.ts";
import { covers } from "../circuits/circuits.ts";

/** Why messages wait: no token for them is known here, a circuit is open, Meta refused them for now, or neither (a rate, or messages before them). */
export const WAITING_REASONS = ["no-token", "stopped", "refused", "in-turn"] as const;

export interface WaitingSends {
  reason: (typeof WAITING_REASONS)[number];
  count: number;
  oldestSeconds: number;
}

/** Counts the messages that wait, and the age of the oldest, by reason. */
export async function readWaitingSends(sql: Sql, tokens: OpenableTokens): Promise<WaitingSends[]> {
  return sql<WaitingSends[]>`
    select reason, count(*)::int as count,
      extract(epoch from turno_now() - min(created_at))::float8 as "oldestSeconds"
    from (
      select created_at, case
        when channel.id is not null and not ${hasToken(sql, tokens)} then 'no-token'
        when exists (
          select from circuits
          where circuits.state = 'open' and ${covers(sql, tokens.tokenKey, sql`sends.kind = 'template'`)}) then 'stopped'
        when error is not null then 'refused'
        else 'in-turn' end as reason
      from sends left join channels as channel on channel.id = sends.channel_id
      where sends.state = 'waiting'
    ) as waiting
    group by reason`;
}
