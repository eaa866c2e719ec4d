import type { Sql } from "@turno/database";

/** Counts of what must not be, by name; empty where every invariant holds. */
export async function findFaultsOfInterleavings(sql: Sql): Promise<Record<string, number>> {
  const [row] = await sql<Record<string, number>[]>`
    select
      (select count(*)::int from (
        select from conversations where state in ('queued', 'active') group by contact_id, channel_id having count(*) > 1
      ) as twice) as "twoOpenConversations",
      (select count(*)::int from events as opening
        where type in ('conversation.opened', 'conversation.started', 'conversation.reopened') and 'contact.blocked' = (
          select type from events as block
          where block.entity_id = (opening.data ->> 'contactId')::uuid and block.position < opening.position
            and type in ('contact.blocked', 'contact.unblocked')
          order by position desc limit 1)) as "openedThoughBlocked",
      (select count(*)::int from conversations where state = 'active' and 1 <> (
        select count(*) from assignments where conversation_id = conversations.id and ended_at is null)) as "activeWithoutOneAssignment",
      (select count(*)::int from conversations where state <> 'active' and exists (
        select from assignments where conversation_id = conversations.id and ended_at is null)) as "assignedThoughNotActive",
      (select count(*)::int from conversations join agents on agents.id = agent_id
        where state in ('active', 'expired') and deactivated_at is not null) as "heldByDeactivated",
      (select count(*)::int from agents where active_count <> (
        select count(*) from conversations where agent_id = agents.id and state = 'active')) as "miscountedAgents",
      (select count(*)::int from (
        select from conversations where continues_conversation_id is not null and state <> 'failed'
        group by continues_conversation_id having count(*) > 1) as twice) as "twoContinuations",
      (select count(*)::int from sends join conversations as continuation
        on continuation.continues_conversation_id = sends.conversation_id and continuation.state <> 'failed'
        where sends.created_at > continuation.opened_at) as "sentOnContinued",
      (select count(*)::int from sends join conversations on conversations.id = sends.conversation_id
        where sends.kind = 'text' and (session_ends_at is null or sends.created_at >= session_ends_at)
          and session_closed_at is null) as "lateFreeForm",
      (select count(*)::int from contact_identities join contacts on contacts.id = contact_id
        where joined_into_id is not null) as "identitiesOfJoined",
      (select count(*)::int from conversations join contacts on contacts.id = contact_id
        where contacts.joined_into_id is not null) as "conversationsOfJoined",
      (select count(*)::int from sends join contacts on contacts.id = contact_id
        where contacts.joined_into_id is not null and sends.state in ('waiting', 'sending')) as "sendsOfJoined",
      (select count(*)::int from (
        select from contacts where joined_into_id is null and user_id is not null group by user_id having count(*) > 1
        union all
        select from contacts where joined_into_id is null and phone_key is not null group by phone_key having count(*) > 1
      ) as twice) as "twoContactsOfOneAddress",
      (select count(*)::int from contacts where sequence <> (
        select count(*) from events where entity_id = contacts.id)) as "gapsInEventsOfContacts",
      (select count(*)::int from sends join events on events.entity_id = sends.conversation_id
        where events.type = 'conversation.joined' and sends.created_at > events.occurred_at) as "sentOnJoined",
      (select count(*)::int from conversations where sequence <> (
        select count(*) from events where entity_id = conversations.id)) as "gapsInEvents",
      (select count(*)::int from (
        select from messages left join events on events.message_id = messages.id
        where direction = 'in' and conversation_id is not null
        group by messages.id having count(events.id) <> 1) as wrong) as "messagesWithoutOneEvent",
      (select count(*)::int from conversations as opened where state = 'failed' and session_ends_at is not null
        and session_closed_at is null) as "failedThoughAnswered"`;
  return Object.fromEntries(Object.entries(row ?? {}).filter(([, count]) => count !== 0));
}
