import { OUTBOX_ROW_MAX, type Sql, type Transaction } from "@turno/database";

/** What must be published again to a stream that lost events: those after a position and up to another. */
export interface Refill {
  after: number;
  to: number;
}

/**
 * Queues the next events of a refill again, at most `limit`, and moves the refill past them, in one transaction. The
 * stream already has those in `present`. Returns what is still to be refilled after it, or null, and how many were
 * queued.
 *
 * Events are published in the order of their positions, so no row may reach over the end of the piece: such a row is
 * divided there. A row of a transaction that committed late may reach over the piece's beginning too.
 */
export async function refillOutbox(
  sql: Sql,
  { stream, refill, limit, present }: { stream: string; refill: Refill; limit: number; present: ReadonlySet<number> },
): Promise<{ refill: Refill | null; queued: number }> {
  const { after, to } = refill;
  return sql.begin(async (tx) => {
    // One look at rows and events: what is committed in between would else be taken off by no row and queued beside its own.
    await tx`set transaction isolation level repeatable read`;
    const end = await findEnd(tx, refill, limit);
    const isPresent = [...present].filter((position) => position > after && position <= end);
    const rest = await tx<{ positions: number[] }[]>`
      with gone as (
        delete from outbox
        where position <= ${end} and (position > ${after} or positions[cardinality(positions)] > ${after})
        returning position, positions
      )
      select array_agg(waiting order by waiting) as positions
      from gone cross join unnest(gone.positions) as waiting
      where waiting <= ${after} or waiting > ${end}
      group by gone.position, waiting > ${end}`;
    const queued = await tx`
      insert into outbox (position, positions)
      select min(position), array_agg(position order by position)
      from (
        select position, (row_number() over (order by position) - 1) / ${OUTBOX_ROW_MAX}::int as part
        from events
        where position > ${after} and position <= ${end} and position not in (select unnest(${isPresent}::bigint[]))
      ) as numbered
      group by part
      returning cardinality(positions) as count`;
    if (rest.length > 0) {
      await tx`
        insert into outbox (position, positions)
        select positions[1], positions
        from json_to_recordset(${JSON.stringify(rest)}::text::json) as rest(positions bigint[])`;
    }
    const isOver = end >= to;
    await tx`
      update relay_state set refill_after = ${isOver ? null : end}::bigint, refill_to = ${isOver ? null : to}::bigint
      where stream = ${stream}`;
    const count = queued.reduce((sum, row) => sum + (row as { count: number }).count, 0);
    return { refill: isOver ? null : { after: end, to }, queued: count };
  });
}

/** Returns where a piece ends: at its last event, or at the end of the refill. */
async function findEnd(tx: Transaction, { after, to }: Refill, limit: number): Promise<number> {
  const [row] = await tx<{ count: number; last: number | null }[]>`
    select count(*)::int as count, max(position) as last
    from (
      select position from events where position > ${after} and position <= ${to} order by position limit ${limit}
    ) as piece`;
  return row === undefined || row.last === null || row.count < limit ? to : row.last;
}
