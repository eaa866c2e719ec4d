import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import {
  isHeldBack,
  isKeptFrom,
  outsideHoursNow,
  refuse,
  refuseOnConversation,
  refuseUnpermitted,
  scopeOf,
  whyIneligible,
  type GroupHours,
  type Refusal,
} from "@turno/conversation";
import {
  and,
  constant,
  count,
  desc,
  eq,
  expression,
  inPlaceOf,
  isRefusal,
  readAsker,
  typed,
  type RowOf,
  type Sql,
} from "@turno/database";
import { agents, assignments, channels, contacts, conversations, groupMembers, groups } from "@turno/database/schema";

/** Lists the conversations that wait in a group, longest first. */
export async function listQueue(
  sql: Sql,
  request: CommandRequest<"list-queue">,
): Promise<CommandAnswer<"list-queue"> | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const denied = refuseUnpermitted(asker, "list-queue", { agentIds: [], groupIds: [request.groupId] });
  if (denied !== null) return denied;
  const [counts, waiting, groupRows] = await Promise.all([
    typed(sql).select({ total: count() }).from(conversations).where(waitsIn(request.groupId)),
    readQueue(sql, request),
    typed(sql).select(HOURS_COLUMNS).from(groups).where(eq(groups.id, request.groupId)),
  ]);
  const [group] = groupRows;
  return { total: counts[0]?.total ?? 0, waiting, outsideHours: group === undefined ? null : sayOutside(group) };
}

const HOURS_COLUMNS = { outsideHours: groups.outsideHours, hours: groups.hours, now: expression<Date>`turno_now()` };

function sayOutside(group: GroupHours & { now: Date }): CommandAnswer<"list-queue">["outsideHours"] {
  const outside = outsideHoursNow(group, group.now);
  return outside === null ? null : { until: outside.until?.toISOString() ?? null };
}

/** Whether a conversation waits in a group. */
const waitsIn = (groupId: string) =>
  and(eq(conversations.groupId, groupId), constant(eq(conversations.state, "queued")));

async function readQueue(
  sql: Sql,
  { groupId, limit }: CommandRequest<"list-queue">,
): Promise<CommandAnswer<"list-queue">["waiting"]> {
  const { id, contactId, queuedAt } = conversations;
  const first = typed(sql).select().from(conversations).where(waitsIn(groupId)).orderBy(queuedAt, id).limit(limit);
  const rows = await typed(sql)
    .select({
      conversationId: id,
      contactId,
      contactName: expression<string | null>`coalesce(${contacts.name}, ${contacts.username})`,
      phoneNumberId: channels.phoneNumberId,
      position: expression<number>`row_number() over (order by ${queuedAt}, ${id})::int`,
      waitedMs: expression<number>`greatest(0, extract(epoch from turno_now() - ${queuedAt}) * 1000)::bigint`,
      waitingSince: conversations.waitingSince,
      lapsedAgentIds: conversations.lapsedAgentIds,
      lapsesMax: groups.lapsesMax,
    })
    .from(inPlaceOf(conversations, first))
    .innerJoin(groups, eq(groups.id, conversations.groupId))
    .innerJoin(contacts, eq(contacts.id, contactId))
    .innerJoin(channels, eq(channels.id, conversations.channelId))
    .orderBy(queuedAt, id);
  return rows.map(({ lapsedAgentIds, lapsesMax, waitingSince, ...row }) => ({
    ...row,
    waitingSince: waitingSince?.toISOString() ?? null,
    isHeldBack: isHeldBack(lapsedAgentIds.length, lapsesMax),
  }));
}

/** Lists the groups of the asker (all for an admin or a service), with what waits and who is there. */
export async function listGroups(
  sql: Sql,
  request: CommandRequest<"list-groups">,
): Promise<CommandAnswer<"list-groups"> | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const scope = scopeOf(asker, "list-queue");
  const isAll = scope === "all";
  const ownIds = Array.isArray(scope) ? scope : [];
  const rows = await sql<CommandAnswer<"list-groups">["groups"]>`
    select groups.id, groups.name, groups.distribution, queue.waiting,
      (extract(epoch from turno_now() - queue.oldest) * 1000)::bigint as "longestWaitMs",
      coalesce((
        select json_agg(json_build_object('id', agent.id, 'name', agent.name, 'availability', agent.availability,
          'active', agent.active_count, 'capacity', agent.capacity) order by agent.name, agent.id)
        from group_members as member join agents as agent on agent.id = member.agent_id
        where member.group_id = groups.id
      ), '[]'::json) as agents
    from groups cross join lateral (
      select count(*)::int as waiting, min(queued_at) as oldest
      from conversations where group_id = groups.id and state = 'queued'
    ) as queue
    where ${isAll} or groups.id = any(${ownIds}::uuid[])
    order by groups.name, groups.id`;
  return { groups: [...rows] };
}

/** Lists each assignment of a conversation with its reason, newest first. */
export async function explainAssignment(
  sql: Sql,
  request: CommandRequest<"explain-assignment">,
): Promise<CommandAnswer<"explain-assignment"> | Refusal> {
  const place = await readPlace(sql, request, "explain-assignment");
  if (isRefusal(place)) return place;
  const { id: assignmentId, agentId, assignedAt, reason } = assignments;
  const rows = await typed(sql)
    .select({ assignmentId, agentId, assignedAt, reason })
    .from(assignments)
    .where(eq(assignments.conversationId, request.conversationId))
    .orderBy(desc(assignedAt), desc(assignmentId));
  return { assignments: rows.map((row) => ({ ...row, assignedAt: row.assignedAt.toISOString() })) };
}

/** Explains what keeps each member of the group from a conversation that waits. */
export async function explainWaiting(
  sql: Sql,
  request: CommandRequest<"explain-waiting">,
): Promise<CommandAnswer<"explain-waiting"> | Refusal> {
  const place = await readPlace(sql, request, "explain-waiting");
  if (isRefusal(place)) return place;
  if (place.state !== "queued") {
    return refuse("conversation-not-open", `This conversation does not wait: it is ${place.state}.`, {
      state: place.state,
    });
  }
  const [members, positions] = await Promise.all([
    readMembers(sql, place.groupId),
    typed(sql)
      .select({ position: count() })
      .from(conversations)
      .where(
        and(
          waitsIn(place.groupId),
          expression`(${conversations.queuedAt}, ${conversations.id}) <= (${place.queuedAt}, ${request.conversationId}::uuid)`,
        ),
      ),
  ]);
  return {
    position: positions[0]?.position ?? 1,
    waitedMs: Math.max(0, place.now.getTime() - place.queuedAt.getTime()),
    distribution: place.distribution,
    isHeldBack: isHeldBack(place.lapsedAgentIds.length, place.lapsesMax),
    outsideHours: sayOutside(place),
    members: members.map((member) => ({
      agentId: member.agentId,
      why:
        whyIneligible(member, place.presence, place.now) ??
        (isKeptFrom(place, member.agentId) ? ("requeued-from" as const) : ("eligible" as const)),
    })),
  };
}

/** A group's members with what keeps them from a turn, whose turn it is first. */
function readMembers(sql: Sql, groupId: string) {
  const { id: agentId, availability, capacity, activeCount, presentUntil } = agents;
  return typed(sql)
    .select({ agentId, availability, capacity, activeCount, presentUntil })
    .from(groupMembers)
    .innerJoin(agents, eq(agentId, groupMembers.agentId))
    .where(eq(groupMembers.groupId, groupId))
    .orderBy(groupMembers.lastTurn, agentId);
}

const PLACE_COLUMNS = {
  groupId: conversations.groupId,
  agentId: conversations.agentId,
  state: conversations.state,
  queuedAt: conversations.queuedAt,
  requeuedFromAgentId: conversations.requeuedFromAgentId,
  distribution: groups.distribution,
  presence: groups.presence,
  lapsedAgentIds: conversations.lapsedAgentIds,
  lapsesMax: groups.lapsesMax,
  ...HOURS_COLUMNS,
};

async function readPlace(
  sql: Sql,
  request: CommandRequest<"explain-assignment" | "explain-waiting">,
  act: "explain-assignment" | "explain-waiting",
): Promise<RowOf<typeof PLACE_COLUMNS> | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const [row] = await typed(sql)
    .select(PLACE_COLUMNS)
    .from(conversations)
    .innerJoin(groups, eq(groups.id, conversations.groupId))
    .where(eq(conversations.id, request.conversationId));
  if (row === undefined) return refuse("not-found", `There is no conversation ${request.conversationId}.`);
  return refuseOnConversation(asker, act, row) ?? row;
}
