import type { Actor } from "@turno/contracts";
import { readClock, retryOnConflict, writeEvents, type Sql, type Transaction } from "@turno/database";
import { searchTickets } from "./search-tickets.ts";
import { ticketColumns, toTicket, type TicketRow } from "./ticket-row.ts";
import {
  changedFields,
  describeEdit,
  type Ticket,
  type TicketAction,
  type TicketChange,
  type TicketEdit,
  type TicketName,
  type TicketStore,
} from "./ticket-store.ts";

/** Creates the ticket store in our own database. An edit's event is written in the edit's transaction. */
export function createBuiltInTicketStore(sql: Sql, createId: () => string): TicketStore {
  return {
    create: async ({ key, subject, body, requesterId, author }) => {
      await sql`
        insert into tickets (id, key, subject, body, requester_id, status, created_at, changed_at, changed_by)
        select ${createId()}, ${key}, ${subject}, ${body}, ${requesterId}, 'open', now, now,
          ${JSON.stringify(author)}::text::json
        from turno_now() as now
        on conflict (key) do nothing`;
      const [row] = await sql<TicketRow[]>`select ${ticketColumns(sql)} from tickets where key = ${key}`;
      if (row === undefined) throw new Error("a ticket that was just made is gone");
      return toTicket(row);
    },
    find: (name) => findTicket(sql, name),
    search: (search) => searchTickets(sql, search),
    edit: (ticketId, change) => retryOnConflict(() => sql.begin((tx) => edit(tx, ticketId, change, createId))),
    addHistory: async (ticketId, { key, author, body }) => {
      const [row] = await sql<{ isFound: boolean }[]>`
        with ticket as (select id from tickets where id = ${ticketId}), added as (
          insert into ticket_actions (id, key, ticket_id, kind, author, body, created_at)
          select ${createId()}, ${key}, id, 'history', ${JSON.stringify(author)}::text::json, ${body}, turno_now()
          from ticket on conflict (key) do nothing
        )
        select exists (select from ticket) as "isFound"`;
      return row?.isFound === true ? "added" : "not-found";
    },
    listActions: async (ticketId, limit) => {
      const rows = await sql<(Omit<TicketAction, "createdAt"> & { createdAt: Date })[]>`
        select id, kind, author, body, created_at as "createdAt" from ticket_actions
        where ticket_id = ${ticketId} order by id desc limit ${limit}`;
      return rows.map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
    },
    findAction: async (ticketId, actionId) => {
      const [row] = await sql<(Omit<TicketAction, "createdAt"> & { createdAt: Date })[]>`
        select id, kind, author, body, created_at as "createdAt" from ticket_actions
        where id = ${actionId} and ticket_id = ${ticketId}`;
      return row === undefined ? null : { ...row, createdAt: row.createdAt.toISOString() };
    },
  };
}

async function findTicket(sql: Sql, name: TicketName): Promise<Ticket | null> {
  const [row] = await sql<TicketRow[]>`
    select ${ticketColumns(sql)} from tickets
    where ${"id" in name ? sql`id = ${name.id}` : sql`number = ${name.number}`}`;
  return row === undefined ? null : toTicket(row);
}

async function edit(
  tx: Transaction,
  ticketId: string,
  change: TicketChange,
  createId: () => string,
): Promise<TicketEdit> {
  const [row] = await tx<(TicketRow & { changedBy: Actor; sequence: number })[]>`
    select ${ticketColumns(tx)}, changed_by as "changedBy", sequence from tickets where id = ${ticketId} for update`;
  if (row === undefined) return { kind: "not-found" };
  const { changedBy, sequence, ...current } = row;
  const before = toTicket(current);
  if (change.version !== null && change.version !== before.version) {
    return { kind: "changed", ticket: before, changedBy };
  }
  const changed = changedFields(before, change);
  if (changed.length === 0) return { kind: "edited", ticket: before };

  const now = await readClock(tx);
  const { subject = before.subject, body = before.body, status = before.status, author } = change;
  const version = before.version + 1;
  const after: Ticket = { ...before, subject, body, status, version, changedAt: now.toISOString() };
  const by = JSON.stringify(author);
  await tx`
    update tickets set subject = ${subject}, body = ${body}, status = ${status}, version = ${version},
      sequence = ${sequence + 1}, changed_at = ${now}, changed_by = ${by}::text::json
    where id = ${ticketId}`;
  const record = describeEdit(before, change);
  const actions = [
    ...(record === "" ? [] : [{ kind: "edit", body: record }]),
    ...(change.comment === undefined ? [] : [{ kind: "comment", body: change.comment }]),
  ];
  for (const action of actions) {
    const id = createId();
    await tx`
      insert into ticket_actions (id, key, ticket_id, kind, author, body, created_at)
      values (${id}, ${id}, ${ticketId}, ${action.kind}, ${by}::text::json, ${action.body}, ${now})`;
  }
  const data = { ticketId, ticketNumber: before.number, version, status, changed, actor: author };
  await writeEvents(tx, [{ id: createId(), type: "ticket.edited", sequence: sequence + 1, data }], now);
  return { kind: "edited", ticket: after };
}
