import type { Actor } from "@turno/contracts";
import {
  and,
  desc,
  eq,
  expression,
  readClock,
  retryOnConflict,
  typed,
  writeEvents,
  type RowOf,
  type Sql,
  type Transaction,
} from "@turno/database";
import { ticketActions, tickets } from "@turno/database/schema";
import { searchTickets } from "./search-tickets.ts";
import { TICKET_COLUMNS, toTicket } from "./ticket-row.ts";
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
    create: async ({ key, subject, body, requesterId, requester, author }) => {
      const now = await readClock(sql);
      const written = {
        id: createId(),
        key,
        subject,
        body,
        requesterId,
        requesterName: requester.name,
        requesterReach: requester.reach,
        createdAt: now,
        changedAt: now,
        changedBy: author,
      };
      await typed(sql)
        .insert(tickets)
        .values({ ...written, status: "open" })
        .onConflictDoNothing({ target: tickets.key });
      const [row] = await typed(sql).select(TICKET_COLUMNS).from(tickets).where(eq(tickets.key, key));
      if (row === undefined) throw new Error("a ticket that was just made is gone");
      return toTicket(row);
    },
    find: (name) => findTicket(sql, name),
    search: (search) => searchTickets(sql, search),
    edit: (ticketId, change) => retryOnConflict(() => sql.begin((tx) => edit(tx, ticketId, change, createId))),
    addHistory: async (ticketId, { key, author, body }) => {
      // The same key gives the id that is there, also while another one adds it.
      const [row] = await sql<{ id: string }[]>`
        with added as (
          insert into ticket_actions (id, key, ticket_id, kind, author, body, created_at)
          select ${createId()}, ${key}, id, 'history', ${JSON.stringify(author)}::text::json, ${body}, turno_now()
          from tickets where id = ${ticketId}
          on conflict (key) do update set key = excluded.key
          returning id, xmax = 0 as is_new
        ), said as (
          update tickets set said = turno_said(said, ${body}) from added where tickets.id = ${ticketId} and added.is_new
        )
        select id from added`;
      return row?.id ?? null;
    },
    listActions: async (ticketId, limit) => {
      const rows = await typed(sql)
        .select(ACTION_COLUMNS)
        .from(ticketActions)
        .where(eq(ticketActions.ticketId, ticketId))
        .orderBy(desc(ticketActions.id))
        .limit(limit);
      return rows.map(toAction);
    },
    findAction: async (ticketId, actionId) => {
      const [row] = await typed(sql)
        .select(ACTION_COLUMNS)
        .from(ticketActions)
        .where(and(eq(ticketActions.id, actionId), eq(ticketActions.ticketId, ticketId)));
      return row === undefined ? null : toAction(row);
    },
    completeAction: (ticketId, actionId, note) =>
      sql.begin((tx) => completeAction(tx, { ticketId, actionId, ...note }, createId)),
  };
}

const ACTION_COLUMNS = {
  id: ticketActions.id,
  kind: ticketActions.kind,
  author: ticketActions.author,
  body: ticketActions.body,
  note: ticketActions.note,
  createdAt: ticketActions.createdAt,
};

const toAction = (row: RowOf<typeof ACTION_COLUMNS>): TicketAction => ({
  ...row,
  createdAt: row.createdAt.toISOString(),
});

async function findTicket(sql: Sql, name: TicketName): Promise<Ticket | null> {
  const isNamed = "id" in name ? eq(tickets.id, name.id) : eq(tickets.number, name.number);
  const [row] = await typed(sql).select(TICKET_COLUMNS).from(tickets).where(isNamed);
  return row === undefined ? null : toTicket(row);
}

async function edit(
  tx: Transaction,
  ticketId: string,
  change: TicketChange,
  createId: () => string,
): Promise<TicketEdit> {
  const [row] = await typed(tx)
    .select({ ...TICKET_COLUMNS, changedBy: tickets.changedBy, sequence: tickets.sequence })
    .from(tickets)
    .where(eq(tickets.id, ticketId))
    .for("update");
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
  const { requester = before.requester, comment = "" } = change;
  const version = before.version + 1;
  const after: Ticket = { ...before, subject, body, requester, status, version, changedAt: now.toISOString() };
  const { name: requesterName, reach: requesterReach } = requester;
  const said = expression`turno_said(${tickets.said}, ${comment})`;
  await typed(tx)
    .update(tickets)
    .set({
      subject,
      body,
      requesterName,
      requesterReach,
      status,
      said,
      version,
      sequence: sequence + 1,
      changedAt: now,
      changedBy: author,
    })
    .where(eq(tickets.id, ticketId));
  const record = describeEdit(before, change);
  const actions = [
    ...(record === "" ? [] : [{ kind: "edit" as const, body: record }]),
    ...(change.comment === undefined ? [] : [{ kind: "comment" as const, body: change.comment }]),
  ];
  for (const action of actions) {
    const id = createId();
    await typed(tx)
      .insert(ticketActions)
      .values({ ...action, id, key: id, ticketId, author, createdAt: now });
  }
  const data = { ticketId, ticketNumber: before.number, version, status, changed, actor: author };
  await writeEvents(tx, [{ id: createId(), type: "ticket.edited", sequence: sequence + 1, data }], now);
  return { kind: "edited", ticket: after };
}

async function completeAction(
  tx: Transaction,
  { ticketId, actionId, author, text }: { ticketId: string; actionId: string; author: Actor; text: string },
  createId: () => string,
): Promise<TicketAction | null> {
  const now = await readClock(tx);
  const [ticket] = await typed(tx)
    .select({ number: tickets.number, version: tickets.version, status: tickets.status, sequence: tickets.sequence })
    .from(tickets)
    .where(eq(tickets.id, ticketId))
    .for("update");
  const isIt = and(
    eq(ticketActions.id, actionId),
    eq(ticketActions.ticketId, ticketId),
    eq(ticketActions.kind, "history"),
  );
  const [action] = await typed(tx).select(ACTION_COLUMNS).from(ticketActions).where(isIt);
  if (ticket === undefined || action === undefined) return null;
  const note = { author, text, at: now.toISOString() };
  await typed(tx).update(ticketActions).set({ note }).where(isIt);
  const said = expression`turno_said(${tickets.said}, ${text})`;
  const sequence = ticket.sequence + 1;
  await typed(tx).update(tickets).set({ said, sequence }).where(eq(tickets.id, ticketId));
  const { number: ticketNumber, version, status } = ticket;
  const data = { ticketId, ticketNumber, version, status, changed: ["note" as const], actor: author };
  await writeEvents(tx, [{ id: createId(), type: "ticket.edited", sequence, data }], now);
  return toAction({ ...action, note });
}
