import { isOwnPermitted, scopeOf, type Asker } from "@turno/conversation";
import type { Sql } from "@turno/database";
import { conversationColumns, toView, type ConversationRow, type ConversationView } from "./conversation-row.ts";

export type ListedState = "queued" | "active" | "expired" | "closed";

export interface ConversationList {
  state: ListedState;
  groupId: string | null;
  agentId: string | null;
  /** A page's `next`; null for the first page. */
  after: string | null;
  limit: number;
}

type Row = ConversationRow & { position: string };

/**
 * Lists conversations in a state that the asker may see: queued ones of own groups, longest wait first; others newest
 * first, an agent's own, an operator's groups', an admin's all. The cost of a page depends on what it holds, not on its
 * place: an index in the order of the page gives each group's next ones, and the cursor is a place in that order.
 */
export async function listConversations(
  sql: Sql,
  asker: Asker,
  list: ConversationList,
): Promise<{ conversations: ConversationView[]; next: string | null }> {
  const rows = list.state === "queued" ? await listQueued(sql, asker, list) : await listOthers(sql, asker, list);
  const last = rows.length < list.limit ? undefined : rows.at(-1);
  return {
    conversations: rows.map((row) => toView(row, asker)),
    next: last === undefined ? null : `${last.position}${last.id}`,
  };
}

/** Whether the asker sees all conversations of a group by its role, whoever has them. */
function isInScope(sql: Sql, asker: Asker, name: "read" | "list-queue") {
  const scope = scopeOf(asker, name);
  if (scope === "all") return sql`true`;
  return scope === "none" ? sql`false` : sql`groups.id = any(${[...scope]}::uuid[])`;
}

/** The condition for the groups of a list. */
const isListed = (sql: Sql, { groupId }: ConversationList) =>
  groupId === null ? sql`true` : sql`groups.id = ${groupId}`;

function listQueued(sql: Sql, asker: Asker, list: ConversationList): Promise<Row[]> {
  const { after, limit } = list;
  const [micros = "0", afterId = ""] = after?.split(".") ?? [];
  // An instant of the database is finer than a Date: it travels as microseconds, so that no one is skipped or repeated.
  const queuedAt = sql`'epoch'::timestamptz + ${micros}::bigint * interval '1 microsecond'`;
  const isAfter = after === null ? sql`` : sql`and (queued_at, id) > (${queuedAt}, ${afterId}::uuid)`;
  return sql<Row[]>`
    select ${conversationColumns(sql)}, (extract(epoch from conversation.queued_at) * 1000000)::bigint || '.' as position
    from (
      select waiting.* from groups cross join lateral (
        select * from conversations where state = 'queued' and group_id = groups.id ${isAfter}
        order by queued_at, id limit ${limit}
      ) as waiting
      where ${isListed(sql, list)} and ${isInScope(sql, asker, "list-queue")}
      order by waiting.queued_at, waiting.id limit ${limit}
    ) as conversation
    join contacts as contact on contact.id = conversation.contact_id
    join channels as channel on channel.id = conversation.channel_id
    order by conversation.queued_at, conversation.id`;
}

/**
 * Lists everybody's conversations in the groups of the asker's scope, and the asker's own in the others. It reads each
 * once, and none only to leave it out, however many there are.
 */
function listOthers(sql: Sql, asker: Asker, list: ConversationList): Promise<Row[]> {
  const { state, agentId, after, limit } = list;
  const ownId = asker.kind === "agent" && isOwnPermitted(asker, "read") ? asker.agentId : null;
  const isAfter = after === null ? sql`` : sql`and id < ${after}::uuid`;
  const inScope = isInScope(sql, asker, "read");
  const latestOf = (id: string | null) => sql`
    select id from conversations
    where group_id = groups.id and ${isIn(sql, state)} ${id === null ? sql`` : sql`and agent_id = ${id}`} ${isAfter}
    order by id desc limit ${limit}`;
  const hasOwn = ownId !== null && (agentId === null || agentId === ownId);
  return sql<Row[]>`
    select ${conversationColumns(sql)}, '' as position
    from (
      select latest.id from groups cross join lateral (${latestOf(agentId)}) as latest
      where ${isListed(sql, list)} and ${inScope}
      union all
      select latest.id from groups cross join lateral (${latestOf(ownId)}) as latest
      where ${isListed(sql, list)} and not ${inScope} and ${hasOwn}
      order by id desc limit ${limit}
    ) as listed
    join conversations as conversation on conversation.id = listed.id
    join contacts as contact on contact.id = conversation.contact_id
    join channels as channel on channel.id = conversation.channel_id
    order by conversation.id desc`;
}

/** The condition for a state, written out instead of a parameter, so that indexes on some states can be used. */
function isIn(sql: Sql, state: ListedState) {
  return {
    queued: sql`state = 'queued'`,
    active: sql`state = 'active'`,
    expired: sql`state = 'expired'`,
    closed: sql`state = 'closed'`,
  }[state];
}
