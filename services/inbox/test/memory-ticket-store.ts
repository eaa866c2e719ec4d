import {
  changedFields,
  describeEdit,
  type Ticket,
  type TicketAction,
  type TicketSearch,
  type TicketStore,
} from "../src/tickets/ticket-store.ts";

/** The twin of the built-in store, without a database: the proof that the port hides where tickets live. */
export function createMemoryTicketStore(now: () => Date, createId: () => string): TicketStore {
  const tickets = new Map<string, { ticket: Ticket; changedBy: TicketAction["author"] }>();
  const keys = new Map<string, string>();
  const actions: (TicketAction & { ticketId: string; key: string })[] = [];
  const act = (ticketId: string, key: string, action: Pick<TicketAction, "kind" | "author" | "body">) =>
    void actions.unshift({ ...action, note: null, id: createId(), ticketId, key, createdAt: now().toISOString() });
  const saidOn = (id: string) =>
    actions
      .filter(({ ticketId, kind }) => ticketId === id && kind !== "edit")
      .map(({ body, note }) => `${body} ${note?.text ?? ""}`);
  const shown = ({ ticketId: _ticketId, key: _key, ...action }: (typeof actions)[number]): TicketAction => action;
  const byNewest = () => [...tickets.values()].map(({ ticket }) => ticket).toSorted((a, b) => b.number - a.number);

  return {
    create: async ({ key, author, ...draft }) => {
      const known = tickets.get(keys.get(key) ?? "");
      if (known !== undefined) return known.ticket;
      const at = now().toISOString();
      const id = createId();
      const place = { id, number: tickets.size + 1, status: "open" as const, version: 1 };
      const ticket: Ticket = { ...draft, ...place, createdAt: at, changedAt: at };
      tickets.set(id, { ticket, changedBy: author });
      keys.set(key, id);
      return ticket;
    },
    find: async (name) =>
      byNewest().find((one) => ("id" in name ? one.id === name.id : one.number === name.number)) ?? null,
    search: async ({ text, status, requesterId, beforeNumber, limit, among }) => {
      const wanted = wordsOf(text);
      if (text.trim() !== "" && wanted.length === 0) return [];
      const number = /^#?(\d{1,15})$/.exec(text.trim())?.[1];
      return byNewest()
        .filter((one) => Number(number) === one.number || holdsAll(one, saidOn(one.id), wanted))
        .filter((one) => status === null || one.status === status)
        .filter((one) => requesterId === null || one.requesterId === requesterId)
        .filter((one) => beforeNumber === null || one.number < beforeNumber)
        .filter((one) => among === null || isAmong(among, one))
        .slice(0, limit);
    },
    edit: async (id, change) => {
      const found = tickets.get(id);
      if (found === undefined) return { kind: "not-found" };
      const { ticket: before, changedBy } = found;
      if (change.version !== null && change.version !== before.version) {
        return { kind: "changed", ticket: before, changedBy };
      }
      if (changedFields(before, change).length === 0) return { kind: "edited", ticket: before };
      const { subject = before.subject, body = before.body, status = before.status, author, comment } = change;
      const { requester = before.requester } = change;
      const changed = { subject, body, requester, status, version: before.version + 1, changedAt: now().toISOString() };
      const ticket = { ...before, ...changed };
      tickets.set(id, { ticket, changedBy: author });
      const record = describeEdit(before, change);
      if (record !== "") act(id, createId(), { kind: "edit", author, body: record });
      if (comment !== undefined) act(id, createId(), { kind: "comment", author, body: comment });
      return { kind: "edited", ticket };
    },
    addHistory: async (ticketId, { key, author, body }) => {
      if (!tickets.has(ticketId)) return null;
      if (!actions.some((action) => action.key === key)) act(ticketId, key, { kind: "history", author, body });
      return actions.find((action) => action.key === key)?.id ?? null;
    },
    listActions: async (id, limit) =>
      actions
        .filter(({ ticketId }) => ticketId === id)
        .slice(0, limit)
        .map(shown),
    findAction: async (id, actionId) => {
      const found = actions.find((action) => action.ticketId === id && action.id === actionId);
      return found === undefined ? null : shown(found);
    },
    completeAction: async (id, actionId, note) => {
      const found = actions.find((one) => one.ticketId === id && one.id === actionId && one.kind === "history");
      if (found === undefined) return null;
      found.note = { ...note, at: now().toISOString() };
      return shown(found);
    },
  };
}

const isAmong = ({ numbers, requesterIds }: NonNullable<TicketSearch["among"]>, { number, requesterId }: Ticket) =>
  numbers.includes(number) || (requesterId !== null && requesterIds.includes(requesterId));

function wordsOf(text: string): string[] {
  return (
    text
      .normalize("NFD")
      .replaceAll(/[\u0300-\u036f]/g, "")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

function holdsAll({ subject, body, requester }: Ticket, said: readonly string[], wanted: readonly string[]): boolean {
  const words = wordsOf([subject, body, requester.name, requester.reach, ...said].join(" "));
  return wanted.every((word, index) =>
    words.some((one) => (index === wanted.length - 1 ? one.startsWith(word) : one === word)),
  );
}
