import type { Sql } from "@turno/database";
import { agentIdOf, CHANNEL_ID, idOf } from "./population.ts";

export interface Crowd {
  agents: number;
  /** So many of them, those whose last turn is longest ago, are full. */
  full?: number;
  /** All are away instead of available. */
  areAway?: boolean;
  capacity?: number;
  groups?: number;
  /** In each of the groups. */
  waiting?: number;
}

/** The first group and further ones, each with all the agents as its members, and with so many waiting. Only the first has the channel. */
export async function writeCrowd(sql: Sql, crowd: Crowd): Promise<void> {
  const { agents, full = 0, areAway = false, capacity = 1_000, groups = 1, waiting = 0 } = crowd;
  const ids = (count: number, name: (index: number) => string) =>
    JSON.stringify(Array.from({ length: count }, (_, index) => ({ id: name(index), index })));
  await sql`
    insert into groups (id, name, distribution)
    select id, 'Group', 'automatic'
    from json_to_recordset(${ids(groups, (index) => idOf(1, index))}::text::json) as named(id uuid)
    on conflict (id) do nothing`;
  await sql`update groups set turn = ${agents}, round_turn = 1`;
  await sql`
    insert into agents (id, name, role, availability, capacity, active_count)
    select id, 'Agent', 'agent', ${areAway ? "away" : "available"}, ${capacity}, case when index < ${full} then ${capacity} else 0 end
    from json_to_recordset(${ids(agents, agentIdOf)}::text::json) as named(id uuid, index int)
    on conflict (id) do update set availability = excluded.availability, capacity = excluded.capacity,
      active_count = excluded.active_count`;
  await sql`delete from group_members`;
  await sql`delete from agents where id not in (
    select id from json_to_recordset(${ids(agents, agentIdOf)}::text::json) as named(id uuid))`;
  await sql`
    insert into group_members (group_id, agent_id, last_turn)
    select groups.id, agents.id, row_number() over (partition by groups.id order by agents.id) from groups, agents`;
  await sql`
    insert into conversations
      (id, channel_id, contact_id, group_id, state, opened_at, queued_at, session_ends_at, check_at, sequence)
    select uuidv7(), ${CHANNEL_ID}, uuidv7(), groups.id, 'queued', now(),
      now() - interval '1 day' + n * interval '1 second', now() + interval '1 day', now() + interval '1 day', 2
    from groups, generate_series(1, ${waiting}) as n`;
  await sql`vacuum analyze`;
}
