import type { Sql, Transaction } from "@turno/database";
import type { Ticket } from "./ticket-store.ts";

export type TicketRow = Omit<Ticket, "createdAt" | "changedAt"> & { createdAt: Date; changedAt: Date };

export function toTicket({ createdAt, changedAt, ...row }: TicketRow): Ticket {
  return { ...row, createdAt: createdAt.toISOString(), changedAt: changedAt.toISOString() };
}

export function ticketColumns(sql: Sql | Transaction) {
  return sql`id, number, subject, body, requester_id as "requesterId", status, version, created_at as "createdAt",
    changed_at as "changedAt"`;
}
