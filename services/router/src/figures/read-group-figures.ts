import type { Sql } from "@turno/database";

/** Up to how many rows a figure counts: it is read with the metrics, and must cost the same at a million rows. */
const COUNTED_MAX = 10_000;
/** How many groups have figures of their own, the first by id. */
const GROUPS_MAX = 1_000;

export interface GroupFigures {
  id: string;
  name: string;
  /** Conversations that wait in its queue. */
  queued: number;
  /** How long the oldest of these has waited, in seconds; 0 where none waits. */
  queuedSeconds: number;
  /** Active conversations whose customer has no answer yet. */
  unanswered: number;
  /** How long the customer who has waited longest has had no answer, in seconds; 0 where nobody waits. */
  unansweredSeconds: number;
}

/**
 * Reads what waits in each group. A queue is counted in its index. Active conversations are looked at one by one, since when
 * a customer waits stands in no index: the agents' capacity bounds them.
 */
export async function readGroupFigures(sql: Sql): Promise<GroupFigures[]> {
  return sql<GroupFigures[]>`
    select groups.id, groups.name, queue.queued, coalesce(oldest.seconds, 0)::float8 as "queuedSeconds",
      active.unanswered, coalesce(active.seconds, 0)::float8 as "unansweredSeconds"
    from (select id, name from groups order by id limit ${GROUPS_MAX}) as groups
    cross join lateral (
      select count(*)::int as queued from (
        select from conversations where group_id = groups.id and state = 'queued' limit ${COUNTED_MAX}) as waiting
    ) as queue
    left join lateral (
      select greatest(0, extract(epoch from turno_now() - queued_at)) as seconds from conversations
      where group_id = groups.id and state = 'queued' order by queued_at, id limit 1
    ) as oldest on true
    cross join lateral (
      select count(waiting_since)::int as unanswered,
        greatest(0, extract(epoch from turno_now() - min(waiting_since))) as seconds
      from (
        select waiting_since from conversations where group_id = groups.id and state = 'active' limit ${COUNTED_MAX}
      ) as held
    ) as active`;
}
