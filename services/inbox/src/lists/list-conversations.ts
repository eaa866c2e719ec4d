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
  /** Of queued and active ones: whose customer has waited longest for an answer, first; then those that wait for none. */
  isByWaiting: boolean;
  /** A page's `next`; null for the first page. */
  after: string | null;
  limit: number;
}

type Row = ConversationRow & { position: string };

/** With what a place in the order of waiting begins, so that it is not taken for one in another order. */
export const BY_WAITING = "w";

/** Where those stand that wait for no answer. */
const NEVER = "3000-01-01T00:00:00Z";

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
  const read = list.isByWaiting ? listByWaiting : list.state === "queued" ? listQueued : listOthers;
  const rows = await read(sql, asker, list);
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

/** An instant of the database is finer than a Date: it travels as microseconds, so that no one is skipped or repeated. */
const micros = (instant: ReturnType<typeof expression>) =>
  expression`(extract(epoch from ${instant}) * 1000000)::bigint`;

/** The condition for what stands behind a place in the order of an instant and an id. */
function isBehind(after: string | null, place: ReturnType<typeof expression>) {
  if (after === null) return undefined;
  const [at = "0", id = ""] = after.split(".");
  const instant = expression`'epoch'::timestamptz + ${at.replace(BY_WAITING, "")}::bigint * interval '1 microsecond'`;
  return expression`${place} > (${instant}, ${id}::uuid)`;
}

function listQueued(sql: Sql, asker: Asker, list: ConversationList): Promise<Row[]> {
  const { after, limit } = list;
  const isAfter = isBehind(after, expression`(${conversations.queuedAt}, ${conversations.id})`);
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
      position: expression<string>`${micros(expression`${conversations.queuedAt}`)} || '.'`,
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

/**
 * Lists the asker's queued or active ones by since when the customer waits for an answer. No index has that order, because
 * each would move with the messages: it reads what is open in the asker's groups.
 */
function listByWaiting(sql: Sql, asker: Asker, list: ConversationList): Promise<Row[]> {
  const { state, after, limit } = list;
  const isQueue = state === "queued";
  const agentId = isQueue ? null : list.agentId;
  const ownId = !isQueue && asker.kind === "agent" && isOwnPermitted(asker, "read") ? asker.agentId : null;
  const hasOwn = ownId !== null && (agentId === null || agentId === ownId);
  const inScope = isWithin(scopeOf(asker, isQueue ? "list-queue" : "read"));
  const since = expression`coalesce(${conversations.waitingSince}, ${NEVER}::timestamptz)`;
  const firstOf = (held: ReturnType<typeof eq> | undefined) => expression`
    select ${conversations.id}, ${since} as since from ${conversations}
    where ${and(
      eq(conversations.groupId, groups.id),
      isIn(state),
      held,
      isBehind(after, expression`(${since}, ${conversations.id})`),
    )}
    order by since, id limit ${limit}`;
  const listed = expression`(
    select first.* from ${groups} cross join lateral (${firstOf(isOf(agentId))}) as first
    where ${and(isListed(list), inScope)}
    union all
    select first.* from ${groups} cross join lateral (${firstOf(isOf(ownId))}) as first
    where ${and(isListed(list), not(inScope), expression`${hasOwn}`)}
    order by since, id limit ${limit}
  ) as listed`;
  return typed(sql)
    .select({
      ...CONVERSATION_COLUMNS,
      position: expression<string>`${BY_WAITING} || ${micros(expression`listed.since`)} || '.'`,
    })
    .from(conversations)
    .innerJoin(listed, eq(conversations.id, expression`listed.id`))
    .innerJoin(contacts, eq(contacts.id, conversations.contactId))
    .innerJoin(channels, eq(channels.id, conversations.channelId))
    .orderBy(expression`listed.since`, conversations.id);
}
