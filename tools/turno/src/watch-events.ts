import { envelopeSchema, EVENT_SUBJECTS, EVENTS } from "@turno/contracts";
import type { Connection } from "@turno/messaging";
import { UsageFailure } from "./request.ts";

/** Returns the ids in an event's data, which tell events apart at a glance. Contents and names are left to `--json`. */
function describeIds(data: unknown): string {
  return Object.entries(data as Record<string, unknown>)
    .filter(([key, value]) => key.endsWith("Id") && typeof value === "string" && key !== "phoneNumberId")
    .map(([key, value]) => `${key.slice(0, -2)} ${String(value)}`)
    .join("  ");
}

function subjectOf(type: string | undefined): string {
  if (type === undefined) return EVENT_SUBJECTS;
  if (!(type in EVENTS)) {
    throw new UsageFailure(`there is no event "${type}". There are: ${Object.keys(EVENTS).join(", ")}`);
  }
  return EVENT_SUBJECTS.replace(/>$/, `${type}.>`);
}

/** Prints each event as it is published, of one type or all, from now on. */
export function watchEvents(
  connection: Connection,
  type: string | undefined,
  options: { isJson: boolean; print: (line: string) => void },
): void {
  connection.nats.subscribe(subjectOf(type), {
    callback: (error, message) => {
      if (error !== null) return options.print(`cannot watch: ${error.message}`);
      const text = message.string();
      if (options.isJson) return options.print(text);
      const event = envelopeSchema.safeParse(JSON.parse(text));
      if (!event.success) return options.print(`not an event: ${message.subject}`);
      const { occurredAt, type: eventType, sequence, data } = event.data;
      options.print(`${occurredAt}  ${eventType.padEnd(24)} #${sequence}  ${describeIds(data)}`);
    },
  });
}
