import type { Sql } from "@turno/database";

/**
 * An independent judge of turns for tests: triggers in the test's own database note every change that decides whose turn
 * it is, in the order in which it took effect; afterwards each automatic assignment is judged by what was true then.
 *
 * The order of `seq` is exact for the agent who is chosen: a change of an agent, its load or its membership holds a lock
 * that an assignment needs, from before the row is noted until its transaction ends. The others are looked at without a
 * lock, so each assignment notes the snapshot of that look, by way of the clock that is read with it: a change that was not
 * visible then may have counted or not.
 */
export async function installTurnAudit(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create table turn_audit (seq bigserial primary key, xid text not null default pg_current_xact_id()::text,
      what text not null, row jsonb not null, seen text);
    -- The clock that was there, which a test may have shifted, is asked by another one. That is stable, so that the snapshot
    -- is the one of the statement that reads the clock.
    alter function turno_now() rename to audited_now;
    create function turno_now() returns timestamptz language sql stable as $$
      select audited_now() from (select set_config('turno.seen', pg_current_snapshot()::text, true)) as noted $$;
    create function note_turn() returns trigger language plpgsql security definer as $$
      begin
        insert into turn_audit (what, row, seen)
        values (tg_argv[0], to_jsonb(case when tg_op = 'DELETE' then old else new end), current_setting('turno.seen', true));
        return null;
      end $$;
    create trigger note_agent after insert or update of availability, capacity, present_until on agents
      for each row execute function note_turn('agent');
    create trigger note_group after insert or update of distribution, needs_presence on groups
      for each row execute function note_turn('group');
    create trigger note_join after insert on group_members for each row execute function note_turn('join');
    create trigger note_leave after delete on group_members for each row execute function note_turn('leave');
    create trigger note_assigned after insert on assignments for each row execute function note_turn('assigned');
    create trigger note_ended after update of ended_at on assignments for each row
      when (old.ended_at is null and new.ended_at is not null) execute function note_turn('ended');`);
  await restartTurnAudit(sql);
}

/** Forgets what was noted, and has turns judged from here on. Nobody may change anything meanwhile. */
export async function restartTurnAudit(sql: Sql): Promise<void> {
  await sql.unsafe(`
    truncate turn_audit;
    insert into turn_audit (what, row)
      select 'agent', to_jsonb(agents) from agents union all select 'group', to_jsonb(groups) from groups;
    insert into turn_audit (what, row) select 'join', to_jsonb(group_members) from group_members;
    insert into turn_audit (what, row) select 'held', to_jsonb(assignments) from assignments where ended_at is null`);
}

interface AuditRow {
  xid: string;
  what: "agent" | "group" | "join" | "leave" | "held" | "assigned" | "ended";
  row: Record<string, string>;
  /** The snapshot in which the transaction last read the clock. */
  seen: string | null;
}

interface AssignedRow {
  id: string;
  group_id: string;
  agent_id: string;
  conversation_id: string;
  assigned_at: string;
  reason: {
    rule: string;
    turn: number | null;
    candidates: string[];
    leftOut: { agentId: string; why: string }[];
    isCut?: true;
  };
}

interface Person {
  id: string;
  availability: string;
  capacity: number | null;
  present_until: string | null;
}

interface Queue {
  distribution: string;
  needs_presence: boolean;
  turn: number;
  lastTurns: Map<string, number>;
}

export interface TurnJudgement {
  /** What each assignment that was not as it must be did wrong; empty where all turns were right. */
  faults: string[];
  /** How many automatic assignments were judged. */
  judged: number;
}

/** Judges every automatic assignment since `installTurnAudit`. Reasons name 20 candidates at most, and so does it. */
export async function judgeTurns(sql: Sql): Promise<TurnJudgement> {
  const rows = await sql<AuditRow[]>`select xid, what, row, seen from turn_audit order by seq`;
  const world = createWorld();
  const batches = groupBy(rows.filter(isAutomatic), batchOf);
  const faults: string[] = [];
  let judged = 0;
  for (const row of rows) {
    if (!isAutomatic(row)) {
      world.apply(row);
      continue;
    }
    // The rows of one statement come in any order; a turn's number says which was given first.
    const batch = batches.get(batchOf(row)) ?? [];
    batches.delete(batchOf(row));
    for (const given of batch.map(toAssigned).toSorted((a, b) => turnOf(a) - turnOf(b))) {
      judged += 1;
      faults.push(
        ...world.judge(given, row).map((fault) => `turn ${given.reason.turn} of ${given.group_id}: ${fault}`),
      );
    }
  }
  return { faults, judged };
}

const toAssigned = ({ row }: AuditRow) => row as unknown as AssignedRow;
const turnOf = ({ reason }: AssignedRow) => reason.turn ?? 0;
const isAutomatic = (row: AuditRow) =>
  row.what === "assigned" && ["turn", "returning"].includes(toAssigned(row).reason.rule);
const batchOf = (row: AuditRow) => `${row.xid} ${row.row["group_id"]}`;

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

function createWorld() {
  const people = new Map<string, Person>();
  const loads = new Map<string, number>();
  const queues = new Map<string, Queue>();
  /** The transactions that changed whether an agent is eligible. */
  const changers = new Map<string, Set<string>>();
  const note = (agentId: string, xid: string) => changers.set(agentId, (changers.get(agentId) ?? new Set()).add(xid));
  const load = (agentId: string, by: number) => loads.set(agentId, (loads.get(agentId) ?? 0) + by);
  const queueOf = (groupId: string): Queue => {
    const queue = queues.get(groupId);
    if (queue === undefined) throw new Error(`the audit knows no group ${groupId}`);
    return queue;
  };
  const isEligible = (agentId: string, queue: Queue, at: string): boolean => {
    const person = people.get(agentId);
    if (person === undefined || person.availability !== "available") return false;
    if (queue.needs_presence && !(person.present_until !== null && toMs(person.present_until) >= toMs(at)))
      return false;
    return person.capacity === null || (loads.get(agentId) ?? 0) < person.capacity;
  };
  const setRules = (row: AuditRow["row"]) => {
    const id = row["id"] ?? "";
    const rules = { distribution: row["distribution"] ?? "", needs_presence: String(row["needs_presence"]) === "true" };
    queues.set(id, { turn: Number(row["turn"]), lastTurns: new Map(), ...queues.get(id), ...rules });
  };
  return {
    apply({ what, row, xid }: AuditRow): void {
      const agentId = row["agent_id"] ?? "";
      note(what === "agent" ? (row["id"] ?? "") : agentId, xid);
      if (what === "agent") people.set(row["id"] ?? "", row as unknown as Person);
      if (what === "group") setRules(row);
      if (what === "join") queueOf(row["group_id"] ?? "").lastTurns.set(agentId, Number(row["last_turn"]));
      if (what === "leave") queueOf(row["group_id"] ?? "").lastTurns.delete(agentId);
      if (what === "assigned" || what === "held") load(agentId, 1);
      if (what === "ended") load(agentId, -1);
    },
    judge(
      { group_id: groupId, agent_id: agentId, assigned_at: at, reason }: AssignedRow,
      { xid, seen }: Pick<AuditRow, "xid" | "seen">,
    ): string[] {
      const queue = queueOf(groupId);
      const wasVisible = readSnapshot(seen ?? "");
      const isSure = (id: string) =>
        [...(changers.get(id) ?? [])].every((changer) => changer === xid || wasVisible(changer));
      const barred = reason.leftOut.filter(({ why }) => why === "requeued-from").map((entry) => entry.agentId);
      const eligible = [...queue.lastTurns]
        .toSorted(([a, aTurn], [b, bTurn]) => aTurn - bTurn || (a < b ? -1 : 1))
        .map(([id]) => id)
        .filter((id) => !barred.includes(id) && isEligible(id, queue, at));
      const faults = [];
      if (queue.distribution !== "automatic") faults.push("the group is not automatic");
      if (reason.turn !== queue.turn + 1) faults.push(`the turn before was ${queue.turn}`);
      if (!eligible.includes(agentId)) faults.push(`${agentId} was not eligible`);
      const next = eligible.find((id) => id === agentId || isSure(id));
      if (reason.rule === "turn" && next !== agentId) faults.push(`it was ${next}'s turn, not ${agentId}'s`);
      const [named, sure] = [reason.candidates.filter(isSure), eligible.filter(isSure)];
      if (named.join() !== sure.slice(0, reason.isCut ? named.length : 20).join()) {
        faults.push(`the reason names ${reason.candidates.join()}, eligible were ${eligible.join()}`);
      }
      queue.turn = reason.turn ?? queue.turn;
      if (queue.lastTurns.has(agentId)) queue.lastTurns.set(agentId, queue.turn);
      load(agentId, 1);
      note(agentId, xid);
      return faults;
    },
  };
}

/** Reads Postgres's text of a snapshot: whether what a transaction did was visible in it. */
function readSnapshot(text: string): (xid: string) => boolean {
  const [begin = "0", end = "0", running = ""] = text.split(":");
  const underWay = new Set(running.split(","));
  return (xid) => BigInt(xid) < BigInt(begin) || (BigInt(xid) < BigInt(end) && !underWay.has(xid));
}

/** The rules count in whole milliseconds, as a `Date` does. */
const toMs = (at: string) => new Date(at).getTime();
