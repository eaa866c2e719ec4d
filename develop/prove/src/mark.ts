import { STREAMS } from "@turno/contracts";
import { readLogEnd, type LogEnd } from "@turno/messaging";
import { installTurnAudit, restartTurnAudit } from "@turno/testing";
import type { Sql } from "@turno/database";
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

/**
 * Has each commit noted that takes a position in the log back: only who lost a lease and commits all the same makes one,
 * because the next owner has gone on meanwhile. (A lease that is renewed may take one back: the log is read again from there.)
 */
async function installPositionAudit(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create table position_audit (partition int not null, "from" bigint not null, "to" bigint not null);
    create function note_step_back() returns trigger language plpgsql as $$
      begin
        if current_query() like '%as move(%' then
          insert into position_audit values (new.partition, old.sequence, new.sequence);
        end if;
        return null;
      end $$;
    create trigger note_step_back after update of sequence on log_positions for each row
      when (new.sequence < old.sequence and new.stream_id = old.stream_id) execute function note_step_back()`);
}

/** Lets the database note what the judge asks of it. Once, before anything happens. */
export async function installAudits(sql: Sql): Promise<void> {
  await installTurnAudit(sql);
  await installPositionAudit(sql);
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
