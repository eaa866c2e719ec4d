import { QUIET_KINDS, READ_KIND, TAKEN_STATES } from "@turno/conversation";
import type { Transaction } from "@turno/database";

const WORDLESS = [...QUIET_KINDS, READ_KIND];

/**
 * Notes since when customers wait, in conversations where Meta took a message of ours or gave one back. An answer is what a
 * person wrote, in Turno once Meta has taken it or by hand in the app; a program's message is none. What the customer
 * wrote before it was asked for is answered. The order is that of the conversation's events, which no clock changes. The
 * caller holds the conversations' locks, and has written the messages' states.
 */
export async function noteAnswers(tx: Transaction, conversationIds: readonly string[]): Promise<void> {
  if (conversationIds.length === 0) return;
  await tx`
    update conversations as conversation set waiting_since = found.since, waiting_noted_at = found.noted_at,
      lapsed_agent_ids = '{}', lapsed_at = null
    from unnest(${[...conversationIds]}::uuid[]) as changed(id)
    left join lateral (
      select event.sequence from events as event
      where event.entity_id = changed.id and not (event.data ->> 'kind' = any(${WORDLESS})) and (
        event.type = 'message.echoed'
        or (event.type = 'message.requested' and event.data #>> '{actor,kind}' = 'agent' and exists (
          select from sends where sends.id = (event.data ->> 'sendId')::uuid
            and sends.state = any(${[...TAKEN_STATES]}))))
      order by event.sequence desc limit 1
    ) as answer on true
    cross join lateral (
      select min((event.data ->> 'sentAt')::timestamptz) as since, min(event.occurred_at) as noted_at
      from events as event
      where event.entity_id = changed.id and event.sequence > coalesce(answer.sequence, 0)
        and event.type = 'message.received' and not (event.data ->> 'kind' = any(${WORDLESS}))
    ) as found
    where conversation.id = changed.id and conversation.state in ('queued', 'active')
      and conversation.waiting_since is distinct from found.since`;
}
