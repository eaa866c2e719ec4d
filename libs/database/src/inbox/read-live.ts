import type { Sql } from "../connection.ts";
import { readEventLog, type LogEvent } from "../events/read-log.ts";
import { asJson } from "../rows.ts";

/** An event with whom it concerns, told from the log alone, so that it is the same whenever it is read. */
export interface LiveEvent extends LogEvent {
  parsed: Record<string, unknown>;
  /** Who had the conversation when it happened, and the agent that it is about. */
  agentIds: string[];
  /** The group that the conversation was in when it happened, and those that the event names. */
  groupIds: string[];
  /** Whether it changes a queue, so that all members of the groups see it. */
  isQueueChange: boolean;
}

/** Events after a position and up to a complete one, with whom they concern. */
export async function readLiveEvents(
  sql: Sql,
  range: { after: number; upTo: number; limit: number },
): Promise<LiveEvent[]> {
  const events = await readEventLog(sql, range);
  if (events.length === 0) return [];
  const rows = asJson(
    events.map(({ eventId, entityId, sequence, occurredAt }) => ({ eventId, entityId, sequence, occurredAt })),
  );
  const places = await sql<{ eventId: string; groupId: string; ownerIds: string[]; nextTransfer: string | null }[]>`
    select event."eventId", conversation.group_id as "groupId", array(
        select agent_id from assignments
        where conversation_id = conversation.id and assigned_at <= event."occurredAt"
          and (ended_at is null or ended_at >= event."occurredAt")
        union
        -- Who had it when it expired has it until it is finalised.
        select conversation.agent_id
        where conversation.agent_id is not null and event."occurredAt" >= conversation.assigned_at
      ) as "ownerIds", (
        select data::text from events as later
        where later.entity_id = conversation.id and later.sequence > event.sequence
          and later.type = 'conversation.transferred'
        order by later.sequence limit 1
      ) as "nextTransfer"
    from json_to_recordset(${rows}::text::json) as event(
      "eventId" uuid, "entityId" uuid, sequence int, "occurredAt" timestamptz)
    join conversations as conversation on conversation.id = event."entityId"`;
  const byId = new Map(places.map((place) => [place.eventId, place]));
  return events.map((event) => withAudience(event, byId.get(event.eventId)));
}

type Place = { groupId: string; ownerIds: string[]; nextTransfer: string | null } | undefined;
type Side = { groupId?: unknown; agentId?: unknown } | undefined;

function withAudience(event: LogEvent, place: Place): LiveEvent {
  const parsed = JSON.parse(event.data) as Record<string, unknown>;
  const from = parsed["from"] as Side;
  const to = parsed["to"] as Side;
  const groupIds = [parsed["groupId"], from?.groupId, to?.groupId, place === undefined ? null : groupAt(place)];
  const agentIds = [parsed["agentId"], from?.agentId, to?.agentId, ...(place?.ownerIds ?? [])];
  return {
    ...event,
    parsed,
    agentIds: unique(agentIds),
    groupIds: unique(groupIds),
    isQueueChange: isQueueChange(event.type, parsed, from, to),
  };
}

/** The group before the next transfer, or where the conversation is now. */
function groupAt({ groupId, nextTransfer }: NonNullable<Place>): unknown {
  if (nextTransfer === null) return groupId;
  return (JSON.parse(nextTransfer) as { from: { groupId: string } }).from.groupId;
}

function isQueueChange(type: string, data: Record<string, unknown>, from: Side, to: Side): boolean {
  if (type === "conversation.opened" || type === "conversation.assigned") return true;
  if (type === "conversation.transferred") return from?.agentId === null || to?.agentId === null;
  return type === "conversation.expired" && data["agentId"] === null;
}

const unique = (ids: unknown[]): string[] => [...new Set(ids.filter((id) => typeof id === "string"))];
