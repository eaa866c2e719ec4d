import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import {
  refuse,
  refuseOnConversation,
  refuseUnpermitted,
  scopeOf,
  whyIneligible,
  type AgentLoad,
  type ConversationState,
  type Refusal,
} from "@turno/conversation";
import { isRefusal, readAsker, type Sql } from "@turno/database";

/** Lists the conversations that wait in a group, longest first. */
export async function listQueue(
  sql: Sql,
  request: CommandRequest<"list-queue">,
): Promise<CommandAnswer<"list-queue"> | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const denied = refuseUnpermitted(asker, "list-queue", { agentIds: [], groupIds: [request.groupId] });
  if (denied !== null) return denied;
  const [counts, waiting] = await Promise.all([
    sql<{ total: number }[]>`
      select count(*)::int as total from conversations where group_id = ${request.groupId} and state = 'queued'`,
    sql<CommandAnswer<"list-queue">["waiting"]>`
      select conversation.id as "conversationId", conversation.contact_id as "contactId",
        coalesce(contact.name, contact.username) as "contactName", channel.phone_number_id as "phoneNumberId",
        row_number() over (order by conversation.queued_at, conversation.id)::int as position,
        greatest(0, extract(epoch from turno_now() - conversation.queued_at) * 1000)::bigint as "waitedMs"
      from (
        select * from conversations where group_id = ${request.groupId} and state = 'queued'
        order by queued_at, id limit ${request.limit}
      ) as conversation
      join contacts as contact on contact.id = conversation.contact_id
      join channels as channel on channel.id = conversation.channel_id
      order by position`,
  ]);
  return { total: counts[0]?.total ?? 0, waiting: [...waiting] };
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
  const groups = await sql<CommandAnswer<"list-groups">["groups"]>`
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
  return { groups: [...groups] };
}

/** Lists each assignment of a conversation with its reason, newest first. */
export async function explainAssignment(
  sql: Sql,
  request: CommandRequest<"explain-assignment">,
): Promise<CommandAnswer<"explain-assignment"> | Refusal> {
  const place = await readPlace(sql, request, "explain-assignment");
  if (isRefusal(place)) return place;
  const rows = await sql<{ assignmentId: string; agentId: string; assignedAt: Date; reason: never }[]>`
    select id as "assignmentId", agent_id as "agentId", assigned_at as "assignedAt", reason from assignments
    where conversation_id = ${request.conversationId} order by assigned_at desc, id desc`;
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
    sql<AgentLoad[]>`
      select agent.id as "agentId", agent.availability, agent.capacity, agent.active_count as "activeCount",
        agent.present_until as "presentUntil"
      from group_members as member join agents as agent on agent.id = member.agent_id
      where member.group_id = ${place.groupId} order by member.last_turn, agent.id`,
    sql<{ position: number }[]>`
      select count(*)::int as position from conversations
      where group_id = ${place.groupId} and state = 'queued'
        and (queued_at, id) <= (${place.queuedAt}, ${request.conversationId}::uuid)`,
  ]);
  return {
    position: positions[0]?.position ?? 1,
    waitedMs: Math.max(0, place.now.getTime() - place.queuedAt.getTime()),
    distribution: place.distribution,
    members: members.map((member) => ({
      agentId: member.agentId,
      why:
        member.agentId === place.requeuedFromAgentId
          ? ("requeued-from" as const)
          : (whyIneligible(member, place.needsPresence, place.now) ?? ("eligible" as const)),
    })),
  };
}

interface Place {
  groupId: string;
  agentId: string | null;
  state: ConversationState;
  queuedAt: Date;
  requeuedFromAgentId: string | null;
  distribution: "automatic" | "manual";
  needsPresence: boolean;
  now: Date;
}

async function readPlace(
  sql: Sql,
  request: CommandRequest<"explain-assignment" | "explain-waiting">,
  act: "explain-assignment" | "explain-waiting",
): Promise<Place | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const [row] = await sql<Place[]>`
    select conversation.group_id as "groupId", conversation.agent_id as "agentId", conversation.state, conversation.queued_at as "queuedAt",
      conversation.requeued_from_agent_id as "requeuedFromAgentId", groups.distribution,
      groups.needs_presence as "needsPresence", turno_now() as now
    from conversations as conversation join groups on groups.id = conversation.group_id
    where conversation.id = ${request.conversationId}`;
  if (row === undefined) return refuse("not-found", `There is no conversation ${request.conversationId}.`);
  return refuseOnConversation(asker, act, row) ?? row;
}
