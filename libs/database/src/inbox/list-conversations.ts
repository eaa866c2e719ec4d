import type { Asker } from "@turno/conversation";
import type { Sql } from "../connection.ts";
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
 * Conversations in a state that the asker may see: queued ones of own groups, longest first; others newest first, an
 * agent's own, an operator's groups', an admin's all. A page costs what it holds wherever it stands: each group, and the
 * asker, has an index in the order of the page, and the cursor is a place in that order.
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

/** Groups whose conversations the asker sees by its role, whoever has them. */
function scopeOf(sql: Sql, asker: Asker, { groupId }: ConversationList, isQueue: boolean) {
  const isAll = asker.kind === "service" || asker.role === "admin";
  const named = groupId === null ? sql`` : sql`and groups.id = ${groupId}`;
  if (isAll) return sql`select id from groups where true ${named}`;
  if (!isQueue && asker.role !== "operator") return sql`select id from groups where false`;
  return sql`select id from groups where id = any(${[...asker.groupIds]}::uuid[]) ${named}`;
}

function listQueued(sql: Sql, asker: Asker, list: ConversationList): Promise<Row[]> {
  const { after, limit } = list;
  const [micros = "0", afterId = ""] = after?.split(".") ?? [];
  // An instant of the database is finer than a Date: it travels as microseconds, so that no one is skipped or repeated.
  const queuedAt = sql`'epoch'::timestamptz + ${micros}::bigint * interval '1 microsecond'`;
  const isAfter = after === null ? sql`` : sql`and (queued_at, id) > (${queuedAt}, ${afterId}::uuid)`;
  return sql<Row[]>`
    select ${conversationColumns(sql)}, (extract(epoch from conversation.queued_at) * 1000000)::bigint || '.' as position
    from (
      select waiting.* from (${scopeOf(sql, asker, list, true)}) as seen cross join lateral (
        select * from conversations where state = 'queued' and group_id = seen.id ${isAfter}
        order by queued_at, id limit ${limit}
      ) as waiting order by waiting.queued_at, waiting.id limit ${limit}
    ) as conversation
    join contacts as contact on contact.id = conversation.contact_id
    join channels as channel on channel.id = conversation.channel_id
    order by conversation.queued_at, conversation.id`;
}

function listOthers(sql: Sql, asker: Asker, list: ConversationList): Promise<Row[]> {
  const { state, agentId, groupId, after, limit } = list;
  const ownId = asker.kind === "agent" ? asker.agentId : null;
  const isInGroup = groupId === null ? sql`` : sql`and group_id = ${groupId}`;
  const isWith = agentId === null ? sql`` : sql`and agent_id = ${agentId}`;
  // Written out, not a parameter, so that the partial index of the state can be used.
  const isIn = { queued: sql`state = 'queued'`, active: sql`state = 'active'`, ...over(sql) }[state];
  const isAfter = after === null ? sql`` : sql`and id < ${after}::uuid`;
  const scope = scopeOf(sql, asker, list, false);
  const isOthers = sql`agent_id is distinct from ${ownId}::uuid ${isWith} ${isAfter}`;
  // Active ones are as many as agents can have: one pass over them. Of the others each group's latest are read.
  const ofFewInScope = sql`select * from conversations where ${isIn} and group_id in (${scope}) and ${isOthers}`;
  const ofManyInScope = sql`
    select latest.* from (${scope}) as seen cross join lateral (
      select * from conversations where ${isIn} and group_id = seen.id and ${isOthers} order by id desc limit ${limit}
    ) as latest`;
  return sql<Row[]>`
    select ${conversationColumns(sql)}, '' as position
    from (
      (
        select * from conversations
        where ${isIn} and agent_id = ${ownId}::uuid ${isInGroup} ${isWith} ${isAfter} order by id desc limit ${limit}
      ) union all (
        ${state === "active" ? ofFewInScope : ofManyInScope} order by id desc limit ${limit}
      ) order by id desc limit ${limit}
    ) as conversation
    join contacts as contact on contact.id = conversation.contact_id
    join channels as channel on channel.id = conversation.channel_id
    order by conversation.id desc`;
}

const over = (sql: Sql) => ({
  expired: sql`state = 'expired' and state in ('expired', 'closed')`,
  closed: sql`state = 'closed' and state in ('expired', 'closed')`,
});
