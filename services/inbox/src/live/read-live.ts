import { audienceOf, type Audience, type EventPlace } from "@turno/conversation";
import { asJson, readEventLog, type LogEvent, type Sql } from "@turno/database";

/** An event with whom it concerns. That follows from the log alone, so it is the same whenever it is read. */
export interface LiveEvent extends LogEvent, Audience {
  /** Null where a defect meets the event: it keeps its place, and is sent to nobody. */
  parsed: Record<string, unknown> | null;
}

/** Hears of a defect that an event provokes. */
export type OnUnreadable = (error: unknown, eventId: string) => void;

interface PlaceRow {
  eventId: string;
  groupId: string;
  ownerIds: string[];
  /** JSON text. */
  nextTransfer: string | null;
}

/** Reads the events after a position, up to a complete one, with whom they concern. */
export async function readLiveEvents(
  sql: Sql,
  range: { after: number; upTo: number; limit: number },
  onDefect: OnUnreadable,
): Promise<LiveEvent[]> {
  const events = await readEventLog(sql, range);
  if (events.length === 0) return [];
  const rows = asJson(
    events.map(({ eventId, entityId, sequence, occurredAt }) => ({ eventId, entityId, sequence, occurredAt })),
  );
  const places = await sql<PlaceRow[]>`
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
  return events.map((event) => {
    try {
      return withAudience(event, byId.get(event.eventId));
    } catch (error) {
      onDefect(error, event.eventId);
      return { ...event, parsed: null, agentIds: [], groupIds: [], isQueueChange: false };
    }
  });
}

function withAudience(event: LogEvent, row: PlaceRow | undefined): LiveEvent {
  const parsed = JSON.parse(event.data) as Record<string, unknown>;
  return { ...event, parsed, ...audienceOf(event.type, parsed, row === undefined ? null : toPlace(row)) };
}

function toPlace({ nextTransfer, ...row }: PlaceRow): EventPlace {
  return {
    ...row,
    nextTransfer: nextTransfer === null ? null : (JSON.parse(nextTransfer) as EventPlace["nextTransfer"]),
  };
}
