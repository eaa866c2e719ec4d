import type { Transaction } from "./connection.ts";
import { GROUPS_WAKE_UP } from "./wake-ups.ts";

export interface Release {
  conversationIds: readonly string[];
  /** The groups in whose queues they wait from now on, which may now have something to give out. */
  queuedInGroupIds?: readonly string[];
}

/**
 * Takes conversations from their agents, in one statement for any number. It ends their assignments, lowers each
 * agent's load, and wakes routers for every group that may now give something out. A conversation that nobody holds (it
 * waits, or has expired) frees no place, so releasing one twice counts once.
 *
 * The caller holds the locks of the agents and the conversations, and writes what the conversations become.
 */
export async function release(tx: Transaction, released: Release, now: Date): Promise<void> {
  const { conversationIds, queuedInGroupIds = [] } = released;
  if (conversationIds.length === 0) return;
  await tx`
    with ended as (
      update assignments set ended_at = ${now}
      where conversation_id = any(${[...conversationIds]}::uuid[]) and ended_at is null
      returning agent_id
    ), unloaded as (
      update agents set active_count = active_count - load.ended
      from (select agent_id, count(*)::int as ended from ended group by agent_id) as load
      where agents.id = load.agent_id
        -- Said twice, so that the planner does not read all agents for the few.
        and agents.id = any(array(select agent_id from ended))
    )
    select pg_notify(${GROUPS_WAKE_UP}, id::text) from (
      select group_id as id from group_members where agent_id = any(array(select agent_id from ended))
      union select unnest(${[...queuedInGroupIds]}::uuid[])
    ) as affected`;
}
