import type { Asker } from "@turno/conversation";
import type { LiveEvent } from "@turno/database";

/**
 * Whether an event concerns an agent: those of conversations that it had at that moment, those that change a queue of its
 * groups, and for an operator all of its groups. Told from the log, so that a reconnect sees what an unbroken connection
 * would have seen.
 */
export function concerns(event: LiveEvent, asker: Extract<Asker, { kind: "agent" }>): boolean {
  if (asker.role === "admin" || event.agentIds.includes(asker.agentId)) return true;
  if (!event.groupIds.some((id) => asker.groupIds.includes(id))) return false;
  return asker.role === "operator" || event.isQueueChange;
}
