import type { Sql } from "@turno/database";
import { installTurnAudit } from "@turno/testing";

/**
 * Has each commit noted that takes a position in the log back: only who lost a lease and commits all the same makes one,
 * because the next owner has gone on meanwhile. (A lease that is renewed may take one back: the log is read again from there.)
 */
async function installPositionAudit(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create table position_audit (partition int not null, "from" bigint not null, "to" bigint not null);
    create function note_step_back() returns trigger language plpgsql security definer as $$
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
