import type { Sql } from "@turno/database";
import { addFigures } from "@turno/runtime";
import { addLagFigures, onFigureFailure } from "@turno/stateful-service";
import type { SenderContext } from "../context.ts";

/** Up to how many messages of a channel and class are counted: what it costs must not grow with what waits. */
const COUNTED_MAX = 10_000;

/** What waits to be sent on a channel: templates, or what needs a session. */
interface ChannelFigures {
  phoneNumberId: string;
  class: "template" | "session";
  count: number;
  /** How long the one that was asked for first has waited, in seconds; 0 where none waits. */
  seconds: number;
}

/** Reads what waits, in the index from which messages are leased. When one is due says nothing: a stop puts that off. */
async function readChannelFigures(sql: Sql): Promise<ChannelFigures[]> {
  return sql<ChannelFigures[]>`
    select channel.phone_number_id as "phoneNumberId", kind.class, waiting.count, coalesce(waiting.seconds, 0)::float8 as seconds
    from channels as channel
    cross join (values ('template', true), ('session', false)) as kind(class, is_template)
    cross join lateral (
      select count(*)::int as count, greatest(0, extract(epoch from turno_now() - min(created_at))) as seconds
      from (
        select created_at from sends
        where channel_id = channel.id and state = 'waiting' and (kind = 'template') = kind.is_template
        order by due_at, ordinal limit ${COUNTED_MAX}) as one
    ) as waiting
    order by channel.phone_number_id, kind.class`;
}

/** Adds what the sender reads from the database when somebody asks for its metrics. */
export function addSenderFigures(context: SenderContext): void {
  addLagFigures(context);
  const gauge = (name: string, help: string, valueOf: (figures: ChannelFigures) => number) => ({
    name,
    help,
    labelNames: ["number", "class"],
    valuesOf: (channels: readonly ChannelFigures[]) =>
      channels.map((one) => [{ number: one.phoneNumberId, class: one.class }, valueOf(one)] as const),
  });
  addFigures<readonly ChannelFigures[]>(context.metrics.registry, {
    read: () => readChannelFigures(context.sql),
    onFailure: onFigureFailure(context),
    gauges: [
      gauge(
        "turno_sender_channel_waiting_sends",
        "Messages that wait on a number, by class; counted to 10,000",
        (one) => one.count,
      ),
      gauge(
        "turno_sender_channel_oldest_seconds",
        "How long a message has waited on a number, at most, by class",
        (one) => one.seconds,
      ),
    ],
  });
}
