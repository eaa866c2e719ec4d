import type { RowOf } from "@turno/database";
import { tickets } from "@turno/database/schema";
import type { Ticket } from "./ticket-store.ts";

export const TICKET_COLUMNS = {
  id: tickets.id,
  number: tickets.number,
  subject: tickets.subject,
  body: tickets.body,
  requesterId: tickets.requesterId,
  requesterName: tickets.requesterName,
  requesterReach: tickets.requesterReach,
  status: tickets.status,
  version: tickets.version,
  createdAt: tickets.createdAt,
  changedAt: tickets.changedAt,
};

export type TicketRow = RowOf<typeof TICKET_COLUMNS>;

export function toTicket({
  createdAt,
  changedAt,
  requesterName: name,
  requesterReach: reach,
  ...row
}: TicketRow): Ticket {
  return { ...row, requester: { name, reach }, createdAt: createdAt.toISOString(), changedAt: changedAt.toISOString() };
}
