import { isOwnPermitted, nobodysScopeOf, scopeOf, type Asker, type Scope } from "@turno/conversation";
import {
  and,
  constant,
  desc,
  eq,
  expression,
  inPlaceOf,
  isAnyOf,
  isNull,
  lt,
  not,
  typed,
  type Sql,
} from "@turno/database";
import { channels, contacts, conversations, groups } from "@turno/database/schema";
import { CONVERSATION_COLUMNS, toView, type ConversationRow, type ConversationView } from "./conversation-row.ts";

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

/** The condition for the groups of a scope. */
function isWithin(scope: Scope) {
  if (scope === "all") return expression`true`;
  return scope === "none" ? expression`false` : isAnyOf(groups.id, scope);
}

/** The groups that a list is about. */
const isListed = ({ groupId }: ConversationList) => (groupId === null ? undefined : eq(groups.id, groupId));

// A state stands in the text, so that the indexes that are restricted to some states can be used.
const isIn = (state: ListedState) => constant(eq(conversations.state, state));

const isOf = (agentId: string | null) => (agentId === null ? undefined : eq(conversations.agentId, agentId));

function listQueued(sql: Sql, asker: Asker, list: ConversationList): Promise<Row[]> {
  const { after, limit } = list;
  const [micros = "0", afterId = ""] = after?.split(".") ?? [];
  // An instant of the database is finer than a Date: it travels as microseconds, so that no one is skipped or repeated.
  const queuedAt = expression`'epoch'::timestamptz + ${micros}::bigint * interval '1 microsecond'`;
  const place = expression`(${conversations.queuedAt}, ${conversations.id})`;
  const isAfter = after === null ? undefined : expression`${place} > (${queuedAt}, ${afterId}::uuid)`;
  const waitingInGroup = typed(sql)
    .select()
    .from(conversations)
    .where(and(isIn("queued"), eq(conversations.groupId, groups.id), isAfter))
    .orderBy(conversations.queuedAt, conversations.id)
    .limit(limit);
  const waiting = expression`
    select waiting.* from ${groups} cross join lateral ${waitingInGroup} as waiting
    where ${and(isListed(list), isWithin(scopeOf(asker, "list-queue")))}
    order by waiting.queued_at, waiting.id limit ${limit}`;
  return typed(sql)
    .select({
      ...CONVERSATION_COLUMNS,
      position: expression<string>`(extract(epoch from ${conversations.queuedAt}) * 1000000)::bigint || '.'`,
    })
    .from(inPlaceOf(conversations, waiting))
    .innerJoin(contacts, eq(contacts.id, conversations.contactId))
    .innerJoin(channels, eq(channels.id, conversations.channelId))
    .orderBy(conversations.queuedAt, conversations.id);
}

/**
 * Lists everybody's conversations in the groups of the asker's scope, and in the others the asker's own and what expired
 * while nobody had it. It reads each once, and none only to leave it out, however many there are.
 */
function listOthers(sql: Sql, asker: Asker, list: ConversationList): Promise<Row[]> {
  const { state, agentId, after, limit } = list;
  const ownId = asker.kind === "agent" && isOwnPermitted(asker, "read") ? asker.agentId : null;
  // Groups of which the asker sees all, also what other agents have.
  const inScope = isWithin(scopeOf(asker, "read"));
  const latestOf = (held: ReturnType<typeof eq> | undefined) =>
    typed(sql)
      .select({ id: conversations.id })
      .from(conversations)
      .where(
        and(
          eq(conversations.groupId, groups.id),
          isIn(state),
          held,
          after === null ? undefined : lt(conversations.id, after),
        ),
      )
      .orderBy(desc(conversations.id))
      .limit(limit);
  const nobodys = state === "expired" && agentId === null ? nobodysScopeOf(asker) : "none";
  const hasOwn = ownId !== null && (agentId === null || agentId === ownId);
  const listed = expression`(
    select latest.id from ${groups} cross join lateral ${latestOf(isOf(agentId))} as latest
    where ${and(isListed(list), inScope)}
    union all
    select latest.id from ${groups} cross join lateral ${latestOf(isOf(ownId))} as latest
    where ${and(isListed(list), not(inScope), expression`${hasOwn}`)}
    union all
    select latest.id from ${groups} cross join lateral ${latestOf(isNull(conversations.agentId))} as latest
    where ${and(isListed(list), not(inScope), isWithin(nobodys))}
    order by id desc limit ${limit}
  ) as listed`;
  return typed(sql)
    .select({ ...CONVERSATION_COLUMNS, position: expression<string>`''` })
    .from(conversations)
    .innerJoin(listed, eq(conversations.id, expression`listed.id`))
    .innerJoin(contacts, eq(contacts.id, conversations.contactId))
    .innerJoin(channels, eq(channels.id, conversations.channelId))
    .orderBy(desc(conversations.id));
}
