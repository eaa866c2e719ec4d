import type { RowOf } from "@turno/database";
import { tickets } from "@turno/database/schema";
import type { Ticket } from "./ticket-store.ts";

export const TICKET_COLUMNS = {
  id: tickets.id,
  number: tickets.number,
  subject: tickets.subject,
  body: tickets.body,
  requesterId: tickets.requesterId,
  status: tickets.status,
  version: tickets.version,
  createdAt: tickets.createdAt,
  changedAt: tickets.changedAt,
};

export type TicketRow = RowOf<typeof TICKET_COLUMNS>;

export function toTicket({ createdAt, changedAt, ...row }: TicketRow): Ticket {
  return { ...row, createdAt: createdAt.toISOString(), changedAt: changedAt.toISOString() };
}
