import { ACTION_PREVIEW_LENGTH_MAX, type CommandAnswer, type CommandRequest } from "@turno/contracts";
import { refuse, type Ending, type LinkStep, type Refusal } from "@turno/conversation";
import { isRefusal, type Sql } from "@turno/database";
import type { CommandHandlers } from "@turno/messaging";
import { Failure, isDefect } from "@turno/runtime";
import { endConversation } from "./closing/end-conversation.ts";
import { changeTicketLink, checkNewTicket, refuseAnothersTicket, refuseWork } from "./tickets/change-link.ts";
import { searchSeenTickets } from "./tickets/search-seen.ts";
import { findEditableTicket, findSeenTicket, readTicketAsker } from "./tickets/ticket-permission.ts";
import type { Ticket, TicketAction, TicketStore } from "./tickets/ticket-store.ts";

const ACTIONS_SHOWN_MAX = 50;

/** The commands that the inbox owns: tickets, their links, and how conversations end. */
export function createCommandHandlers(
  sql: Sql,
  store: TicketStore,
  /** Adds the history of a conversation that has just ended, so that who closed it sees it on the ticket. */
  addHistory: (conversationId: string) => Promise<string | null>,
  createId: () => string,
): CommandHandlers {
  const end = async (request: Parameters<typeof endConversation>[1], ending: Ending) => {
    const ended = await endConversation(sql, request, ending, createId);
    if (isRefusal(ended)) return ended;
    return { ...ended, ...(await showTicket(store, ended.ticketId, () => addHistory(request.conversationId))) };
  };
  const decide = (kind: "confirm" | "reject") => (request: CommandRequest<"confirm-ticket-link">) =>
    changeTicketLink(sql, request, { kind, ticketId: request.ticketId ?? null }, createId);
  /** Finds the ticket that a conversation is to be linked to, for who may work on the conversation. */
  const findLinkable = async (
    act: "ticket-link" | "finalise",
    { anothers, ...request }: CommandRequest<"propose-ticket-link"> & { anothers: boolean },
  ) => {
    const ticket = (await refuseWork(sql, request, act)) ?? (await findSeenTicket(sql, store, request));
    if (isRefusal(ticket)) return ticket;
    return (await refuseAnothersTicket(sql, request.conversationId, ticket, anothers)) ?? ticket;
  };
  const link = async (
    kind: "propose" | "link",
    request: CommandRequest<"propose-ticket-link"> & { anothers: boolean },
  ) => {
    const ticket = await findLinkable("ticket-link", request);
    return isRefusal(ticket) ? ticket : changeTicketLink(sql, request, toStep(kind, ticket), createId);
  };
  return {
    close: (request) => end(request, "closed"),
    finalise: async ({ ticket: name, ...request }) => {
      if (name === undefined) return end(request, "finalised");
      const ticket = await findLinkable("finalise", { ...request, ticket: name });
      if (isRefusal(ticket)) return ticket;
      return end({ ...request, ticket: { ticketId: ticket.id, ticketNumber: ticket.number } }, "finalised");
    },
    // A proposal is looked at before anybody confirms it.
    "propose-ticket-link": (request) => link("propose", { ...request, anothers: true }),
    "link-ticket": (request) => link("link", request),
    "confirm-ticket-link": decide("confirm"),
    "reject-ticket-link": decide("reject"),
    "create-ticket": (request) => createTicket(sql, store, request, createId),
    "search-tickets": (request) => search(sql, store, request),
    "read-ticket": async (request) => {
      const ticket = await findSeenTicket(sql, store, request);
      if (isRefusal(ticket)) return ticket;
      const actions = await store.listActions(ticket.id, ACTIONS_SHOWN_MAX);
      return { ticket, actions: actions.map(preview) };
    },
    "read-ticket-action": async (request) => {
      const ticket = await findSeenTicket(sql, store, request);
      if (isRefusal(ticket)) return ticket;
      const action = await store.findAction(ticket.id, request.actionId);
      if (action === null) return refuse("not-found", `Ticket ${ticket.number} has no action ${request.actionId}.`);
      return { action: { ...action, isCut: false } };
    },
    "edit-ticket": (request) => edit(sql, store, request),
    "complete-ticket-action": async (request) => {
      const ticket = await findEditableTicket(sql, store, request);
      if (isRefusal(ticket)) return ticket;
      const { actionId, actor: author, note } = request;
      const action = await store.completeAction(ticket.id, actionId, { author, text: note });
      if (action === null) return refuse("not-found", `Ticket ${ticket.number} has no history ${actionId}.`);
      return { action: preview(action) };
    },
  };
}

/**
 * Returns the ticket of a conversation that has just ended, as it is with the history, and the history's action. The
 * conversation is over, whatever becomes of them: what cannot be had now is null.
 */
async function showTicket(store: TicketStore, ticketId: string | null, addHistory: () => Promise<string | null>) {
  const nothing = { ticket: null, action: null };
  if (ticketId === null) return nothing;
  const actionId = await addHistory();
  if (actionId === null) return nothing;
  try {
    const [ticket, action] = await Promise.all([store.find({ id: ticketId }), store.findAction(ticketId, actionId)]);
    return { ticket, action: action === null ? null : preview(action) };
  } catch (error) {
    if (isDefect(error)) throw error;
    // The answer says so: it has no ticket to show.
    return nothing;
  }
}

const toStep = (kind: "propose" | "link" | "create", { id: ticketId, number: ticketNumber }: Ticket): LinkStep => ({
  kind,
  ticket: { ticketId, ticketNumber },
});

async function createTicket(
  sql: Sql,
  store: TicketStore,
  request: CommandRequest<"create-ticket">,
  createId: () => string,
): Promise<CommandAnswer<"create-ticket"> | Refusal> {
  const checked = await checkNewTicket(sql, request);
  if (isRefusal(checked)) return checked;
  const { subject, body, actor: author, conversationId } = request;
  const { requesterId, contact } = checked;
  const requester = request.requester ?? contact;
  const draft = { key: `conversation:${conversationId}`, subject, body, author, requesterId, requester };
  const ticket = await store.create(draft);
  try {
    return await changeTicketLink(sql, request, toStep("create", ticket), createId);
  } catch (cause) {
    // Nothing is kept of the link alone.
    const message = `ticket ${ticket.number} was created and could not be linked`;
    throw isDefect(cause) ? new Error(message, { cause }) : new NotLinkedFailure(message, { cause });
  }
}

class NotLinkedFailure extends Failure {}

async function search(
  sql: Sql,
  store: TicketStore,
  request: CommandRequest<"search-tickets">,
): Promise<CommandAnswer<"search-tickets"> | Refusal> {
  const asker = await readTicketAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const { text = "", status = null, requesterId = null, beforeNumber = null, limit } = request;
  const tickets = await searchSeenTickets(sql, store, asker, { text, status, requesterId, beforeNumber, limit });
  return { tickets, nextBeforeNumber: tickets.length < limit ? null : (tickets.at(-1)?.number ?? null) };
}

async function edit(
  sql: Sql,
  store: TicketStore,
  request: CommandRequest<"edit-ticket">,
): Promise<CommandAnswer<"edit-ticket"> | Refusal> {
  const ticket = await findEditableTicket(sql, store, request);
  if (isRefusal(ticket)) return ticket;
  const { actor: author, version = null, subject, body, requester, status, comment } = request;
  const edited = await store.edit(ticket.id, { author, version, subject, body, requester, status, comment });
  if (edited.kind === "not-found") return refuse("not-found", `There is no ticket ${ticket.number} any more.`);
  if (edited.kind === "edited") return { ticket: edited.ticket };
  const { version: current, changedAt: at } = edited.ticket;
  const message = `Ticket ${ticket.number} was changed at ${at}, after you saw it: read it again.`;
  return refuse("ticket-changed", message, { version: current, by: edited.changedBy, at });
}

function preview(action: TicketAction) {
  const isCut = action.body.length > ACTION_PREVIEW_LENGTH_MAX;
  return { ...action, isCut, body: isCut ? cut(action.body) : action.body };
}

/** Never between the halves of a surrogate pair. */
const cut = (text: string) => text.slice(0, ACTION_PREVIEW_LENGTH_MAX).toWellFormed();
