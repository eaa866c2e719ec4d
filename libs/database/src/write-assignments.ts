import type { AssignmentReason, WrittenData } from "@turno/contracts";
import type { Transaction } from "./connection.ts";
import type { EventMemory, StoredEvent } from "./events/event-memory.ts";
import { queueHappened } from "./events/write-events.ts";
import { ConflictFailure } from "./failure.ts";
import { asJson, asLines } from "./rows.ts";
import { OUTBOX_WAKE_UP } from "./wake-ups.ts";

const ASSIGNED = "conversation.assigned";

export interface AssignedConversation {
  conversationId: string;
  channelId: string;
  contactId: string;
  groupId: string;
  phoneNumberId: string;
  queuedAt: Date;
  assignmentId: string;
  agentId: string;
  reason: AssignmentReason;
  /** Until when it is only offered to the agent; left out where the agent has it at once. */
  offeredUntil?: Date | null;
}

/**
 * Makes queued conversations active with their agents: assignment with its reason, load and event, in two statements
 * for any number. The caller holds the locks of the group and of the agents. Throws a `ConflictFailure` if one of them
 * no longer waits.
 */
export async function writeAssignments(
  tx: Transaction,
  assigned: readonly AssignedConversation[],
  now: Date,
  memory?: EventMemory,
): Promise<void> {
  const activated = tx`
    locked as materialized (
      -- Row by row by their keys: left to itself the planner reads all that waits for the few that are chosen.
      select found.id, found.state from (select "conversationId" from chosen order by 1) as ordered
      cross join lateral (select id, state from conversations where id = ordered."conversationId" for update) as found
    ), activated as (
      update conversations as conversation set state = 'active', agent_id = chosen."agentId", assigned_at = ${now},
        offered_until = chosen."offeredUntil", requeued_from_agent_id = null,
        lapsed_agent_ids = case when chosen.reason::json ->> 'rule' in ('turn', 'returning')
          then conversation.lapsed_agent_ids else '{}' end,
        sequence = conversation.sequence + 1
      from locked join chosen on chosen."conversationId" = locked.id
      where conversation.id = locked.id and locked.state = 'queued'
      returning conversation.id, conversation.sequence
    )`;
  const count = await record(tx, assigned, { activated, now, memory });
  if (count !== assigned.length) {
    throw new ConflictFailure(`${assigned.length - count} conversations do not wait any more`);
  }
}

/**
 * Writes what goes with conversations that this transaction opens as active ones: assignments with their reasons, load,
 * events. `sequences` has the sequence of each one's assignment. The caller holds the locks of the groups and agents.
 */
export async function recordAssignments(
  tx: Transaction,
  assigned: readonly AssignedConversation[],
  sequences: ReadonlyMap<string, number>,
  now: Date,
  memory: EventMemory | undefined,
): Promise<void> {
  if (assigned.length === 0) return;
  const activated = tx`activated as (select "conversationId" as id, sequence from chosen)`;
  await record(tx, assigned, { activated, sequences, now, memory });
}

/**
 * Writes the assignment and the load of a conversation that this transaction opens as an active one by a template. The
 * event of the reopening tells of it, so the assignment has no event. The caller holds the lock of the agent.
 */
export async function recordReopening(
  tx: Transaction,
  opened: Pick<AssignedConversation, "conversationId" | "groupId" | "assignmentId" | "agentId">,
  now: Date,
): Promise<void> {
  const { conversationId, groupId, assignmentId, agentId } = opened;
  const reason: AssignmentReason = { rule: "template", turn: null, candidates: [agentId], leftOut: [] };
  await tx`
    with recorded as (
      insert into assignments (id, conversation_id, group_id, agent_id, assigned_at, reason)
      values (${assignmentId}, ${conversationId}, ${groupId}, ${agentId}, ${now}, ${JSON.stringify(reason)}::text::json)
    )
    update agents set active_count = active_count + 1 where id = ${agentId}`;
}

/**
 * Records the assignments whose conversations are in the statement's part `activated`, with their sequences. Returns
 * how many.
 */
async function record(
  tx: Transaction,
  assigned: readonly AssignedConversation[],
  context: {
    activated: ReturnType<typeof queueHappened>;
    sequences?: ReadonlyMap<string, number>;
    now: Date;
    memory: EventMemory | undefined;
  },
): Promise<number> {
  const { activated, now, memory } = context;
  const data = assigned.map((assignment) => JSON.stringify(dataOf(assignment, now)));
  const rows = assigned.map(({ conversationId, groupId, phoneNumberId, assignmentId, agentId, offeredUntil }) => ({
    conversationId,
    groupId,
    phoneNumberId,
    assignmentId,
    agentId,
    offeredUntil,
    sequence: context.sequences?.get(conversationId),
  }));
  const [written] = await tx<{ count: number; positions: number[]; sequences: number[] }[]>`
    with chosen as materialized (
      select * from rows from (
        json_to_recordset(${asJson(rows)}::text::json) as (
          "conversationId" uuid, "groupId" uuid, "phoneNumberId" text, "assignmentId" uuid, "agentId" uuid,
          "offeredUntil" timestamptz, sequence int),
        turno_lines(${asLines(assigned.map(({ reason }) => JSON.stringify(reason)))}),
        turno_lines(${asLines(data)})
      ) with ordinality as chosen(
        "conversationId", "groupId", "phoneNumberId", "assignmentId", "agentId", "offeredUntil", sequence, reason, data,
        ordinal)
    ), ${activated}, recorded as (
      insert into assignments (id, conversation_id, group_id, agent_id, assigned_at, reason)
      select chosen."assignmentId", chosen."conversationId", chosen."groupId", chosen."agentId", ${now},
        chosen.reason::json
      from chosen join activated on activated.id = chosen."conversationId"
    ), happened as (
      -- An assignment and its event are one fact: they share their id.
      insert into events (id, type, entity_id, sequence, phone_number_id, occurred_at, data, position)
      select chosen."assignmentId", ${ASSIGNED}, activated.id, activated.sequence, chosen."phoneNumberId",
        ${now}, chosen.data::json, nextval('events_position')
      from pg_current_xact_id(), chosen join activated on activated.id = chosen."conversationId"
      order by chosen.ordinal
      returning position, sequence
    ), queued as (${queueHappened(tx)}), loaded as (
      update agents set active_count = active_count + load.added
      from (
        select "agentId", count(*)::int as added
        from chosen join activated on activated.id = chosen."conversationId" group by "agentId"
      ) as load
      where agents.id = load."agentId"
        -- Said twice, so that the planner does not read all agents for the few.
        and agents.id = any(${[...new Set(assigned.map(({ agentId }) => agentId))]}::uuid[])
    )
    select count(*)::int as count, array_agg(position order by position) as positions,
      array_agg(sequence order by position) as sequences, pg_notify(${OUTBOX_WAKE_UP}, '')
    from happened`;
  const { count = 0, positions = [], sequences = [] } = written ?? {};
  if (count === assigned.length) {
    memory?.keep(assigned.map((assignment, index) => toStored(assignment, index, { positions, sequences, data, now })));
  }
  return count;
}

function toStored(
  { assignmentId: id, conversationId: entityId, phoneNumberId }: AssignedConversation,
  index: number,
  { positions, sequences, data, now }: { positions: number[]; sequences: number[]; data: string[]; now: Date },
): StoredEvent {
  const [position = -1, sequence = -1] = [positions[index], sequences[index]];
  const event = { position, id, type: ASSIGNED, entityId, sequence, phoneNumberId, occurredAt: now };
  return { ...event, data: data[index] ?? "", content: null };
}

function dataOf(
  { queuedAt, offeredUntil, ...assigned }: AssignedConversation,
  now: Date,
): WrittenData<typeof ASSIGNED> {
  const offer = offeredUntil === undefined || offeredUntil === null ? {} : { offeredUntil: offeredUntil.toISOString() };
  return { ...assigned, ...offer, waitedMs: Math.max(0, now.getTime() - queuedAt.getTime()) };
}
