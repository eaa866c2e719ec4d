import type { Sql } from "@turno/database";
import { assignQueued } from "@turno/router";
import { judgeTurns, waitFor } from "@turno/testing";
import { AUTOMATIC_GROUPS, type ModelWorld } from "./model-world.ts";

/** Everything that is not as it must be, by the name of what it breaks: how many, or which. */
export async function readBreaches(world: ModelWorld): Promise<Record<string, unknown>> {
  const { sql } = world;
  await waitFor(async () => (await sql`select from ticket_histories limit 1`).length === 0, {
    what: "histories are added",
  });
  await giveOut(world);
  const { faults } = await judgeTurns(sql);
  const counts = { ...(await countOpen(sql)), ...(await countEnded(sql)), ...(await countOnTimelines(sql)) };
  const breaches = Object.entries(counts).filter(([, count]) => count !== 0);
  return { ...Object.fromEntries(breaches), ...(faults.length === 0 ? {} : { turns: faults.slice(0, 5) }) };
}

/** What the routers' triggers do: the model has none, so what may be given out is given out before it is judged. */
async function giveOut({ sql, createId }: ModelWorld): Promise<void> {
  for (const groupId of AUTOMATIC_GROUPS) {
    for (let outcome = { hasMore: true }; outcome.hasMore;) outcome = await assignQueued(sql, groupId, createId);
  }
}

/** Of what is open: one conversation, one agent, one assignment; nothing waits for nobody. */
async function countOpen(sql: Sql): Promise<Record<string, number>> {
  const [row] = await sql<Record<string, number>[]>`
    select
      (select count(*)::int from agents where active_count <> (
        select count(*) from conversations where agent_id = agents.id and state = 'active')) as "load",
      (select count(*)::int from conversations where state = 'active' and not exists (
        select from assignments where conversation_id = conversations.id and ended_at is null
          and assignments.agent_id = conversations.agent_id)) as "noAssignment",
      (select count(*)::int from conversations join agents on agents.id = agent_id
        where state in ('active', 'expired') and deactivated_at is not null) as "heldByDeactivated",
      (select count(*)::int from assignments where ended_at is null and not exists (
        select from conversations where id = conversation_id and state = 'active')) as "deadAssignment",
      (select count(*)::int from (select 1 from conversations where state in ('queued', 'active')
        group by contact_id, channel_id having count(*) > 1) as twice) as "twoOpen",
      (select count(*)::int from conversations as waiting
        join groups on groups.id = waiting.group_id and distribution = 'automatic' and returning_wait_seconds = 0
        where state = 'queued' and exists (
          select from group_members as member join agents on agents.id = member.agent_id
          where member.group_id = groups.id and availability = 'available'
            and (not needs_presence or present_until > turno_now() + interval '5 seconds')
            and (capacity is null or active_count < capacity)
            and agents.id is distinct from waiting.requeued_from_agent_id)) as "waitsInVain"`;
  return row ?? {};
}

/** Of what is over: its ticket, its history once, its continuation once. */
async function countEnded(sql: Sql): Promise<Record<string, number>> {
  const [row] = await sql<Record<string, number>[]>`
    select
      (select count(*)::int from conversations where state = 'closed' and ticket_link is distinct from 'confirmed') as "noTicket",
      (select count(*)::int from conversations where (state = 'closed') <> (
        (select count(*) from events where entity_id = conversations.id and type = 'conversation.closed') = 1)) as "ends",
      (select count(*)::int from conversations where (state = 'closed')::int <> (
        select count(*) from ticket_actions where key = 'conversation:' || conversations.id)) as "histories",
      (select count(*)::int from ticket_actions join conversations on key = 'conversation:' || conversations.id
        where ticket_actions.ticket_id <> conversations.ticket_id) as "wrongTicket",
      (select count(*)::int from (select 1 from conversations where continues_conversation_id is not null and state <> 'failed'
        group by continues_conversation_id having count(*) > 1) as twice) as "reopenedTwice",
      (select count(*)::int from sends join conversations as continuation
        on continuation.continues_conversation_id = sends.conversation_id and continuation.state <> 'failed'
        where sends.created_at > continuation.opened_at) as "sentOnContinued"`;
  return row ?? {};
}

/** Of what is told: no gap, nothing out of order, nothing after the end, each message once. */
async function countOnTimelines(sql: Sql): Promise<Record<string, number>> {
  const [row] = await sql<Record<string, number>[]>`
    with step as materialized (
      select entity_id, type, data, position,
        position < lag(position) over timeline as "isBack",
        max(sequence) over (partition by entity_id) as last, sequence,
        count(*) over (partition by entity_id) as count,
        bool_or(type in ('conversation.expired', 'conversation.joined')) over (
          timeline rows between unbounded preceding and 1 preceding) as "isExpired",
        bool_or(type = 'conversation.closed') over (
          timeline rows between unbounded preceding and 1 preceding) as "isClosed",
        lag(type) over timeline as before, lag(data) over timeline as "dataBefore"
      from events window timeline as (partition by entity_id order by sequence)
    )
    select
      (select count(distinct entity_id)::int from step where last <> count) as "gaps",
      (select count(*)::int from conversations where sequence <> (
        select max(sequence) from events where entity_id = conversations.id)) as "sequence",
      (select count(*)::int from step where "isBack") as "order",
      (select count(*)::int from step where "isClosed") as "afterTheEnd",
      (select count(*)::int from step where "isExpired" and type not like 'ticket.%'
        and not (type = 'conversation.closed' and data ->> 'how' = 'finalised')) as "afterExpiry",
      (select count(*)::int from step where type = 'conversation.assigned'
        and data -> 'reason' ->> 'rule' in ('turn', 'returning') and before = 'conversation.transferred'
        -- Who let it lapse or declined it gets it again where nobody else can take it; who transferred it does not.
        and "dataBefore" -> 'actor' ->> 'kind' <> 'system' and coalesce("dataBefore" ->> 'reason', '') not like '% declined it.%'
        and "dataBefore" -> 'from' ->> 'agentId' = data ->> 'agentId') as "givenBack",
      (select count(*)::int from sends join conversations on conversations.id = sends.conversation_id
        where sends.kind = 'text' and (session_ends_at is null or sends.created_at >= session_ends_at)) as "lateFreeForm",
      (select count(*)::int from (select from messages left join events on events.message_id = messages.id
        where direction = 'in' group by messages.id having count(events.id) <> 1) as wrong) as "messages"`;
  return row ?? {};
}
