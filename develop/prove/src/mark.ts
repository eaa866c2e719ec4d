import { STREAMS } from "@turno/contracts";
import { readLogEnd, type LogEnd } from "@turno/messaging";
import { restartTurnAudit } from "@turno/testing";
import type { ProveStage } from "./stage.ts";

/** Where a round began: what lies before has been judged. */
export interface Mark {
  /** In the simulator's ledger of updates. */
  update: number;
  inbound: LogEnd;
  events: LogEnd;
  /** In the table of events. */
  position: number;
  /** How many messages of customers there were. */
  messages: number;
  /** Of Meta's ledger of sends. */
  sent: number;
}

/** Notes where everything stands, and has the turns noted from here on. The stage must be quiet. */
export async function markRound({ sql, connection, simulator, graph }: ProveStage): Promise<Mark> {
  await restartTurnAudit(sql);
  await sql`truncate position_audit`;
  const [row] = await sql<{ position: number; messages: number }[]>`
    select (select coalesce(max(position), 0) from events) as position,
      (select count(*)::int from messages where direction = 'in') as messages`;
  return {
    update: simulator.ledger.size,
    inbound: await readLogEnd(connection, STREAMS.inbound),
    events: await readLogEnd(connection, STREAMS.events),
    position: row?.position ?? 0,
    messages: row?.messages ?? 0,
    sent: graph.ledger.messages().length,
  };
}
