import type { Actor, CommandAnswer, CommandRequest } from "@turno/contracts";

export type Ticket = CommandAnswer<"read-ticket">["ticket"];
export type TicketStatus = Ticket["status"];
/** A ticket by its id or by its number. */
export type TicketName = CommandRequest<"read-ticket">["ticket"];

export interface TicketAction {
  id: string;
  kind: "history" | "comment" | "edit";
  author: Actor;
  body: string;
  note: { author: Actor; text: string; at: string } | null;
  createdAt: string;
}

export interface TicketDraft {
  /** The key of the ticket. The same key creates no second one. */
  key: string;
  subject: string;
  body: string;
  requesterId: string | null;
  requester: Ticket["requester"];
  author: Actor;
}

export interface TicketChange {
  author: Actor;
  /** The version that the author saw; null: any. */
  version: number | null;
  subject?: string | undefined;
  body?: string | undefined;
  requester?: Ticket["requester"] | undefined;
  status?: TicketStatus | undefined;
  comment?: string | undefined;
}

export interface TicketSearch {
  text: string;
  status: TicketStatus | null;
  requesterId: string | null;
  beforeNumber: number | null;
  limit: number;
  /** Only tickets with one of these numbers, or for one of these contacts; null: all. There may be many. */
  among: { numbers: readonly number[]; requesterIds: readonly string[] } | null;
}

export type TicketEdit =
  | { kind: "edited"; ticket: Ticket }
  /** Somebody else changed it since the version that the author saw. */
  | { kind: "changed"; ticket: Ticket; changedBy: Actor }
  | { kind: "not-found" };

/**
 * Where tickets live: the built-in store, or an outside help desk behind an adapter. Its conformance suite, which every
 * store passes, says what it must do. Any call may be repeated after a failure: keys make it take effect once. It
 * throws failures of the world, and returns everything else.
 */
export interface TicketStore {
  /** Creates an open ticket, or returns the one that the same key created before, as it is now. */
  create(draft: TicketDraft): Promise<Ticket>;
  find(name: TicketName): Promise<Ticket | null>;
  /**
   * Searches tickets by number, or with all the words of `text` in subject, body, requester, comments, histories and
   * notes, whatever case and accents; newest first.
   */
  search(search: TicketSearch): Promise<Ticket[]>;
  edit(ticketId: string, change: TicketChange): Promise<TicketEdit>;
  /** Adds a conversation's history and returns its action's id; null where there is no such ticket. The same key adds nothing more. */
  addHistory(ticketId: string, history: { key: string; author: Actor; body: string }): Promise<string | null>;
  /** Returns the latest actions, newest first. */
  listActions(ticketId: string, limit: number): Promise<TicketAction[]>;
  findAction(ticketId: string, actionId: string): Promise<TicketAction | null>;
  /** Completes a history with a note, which takes the place of one before. Null where the ticket has no such history. */
  completeAction(
    ticketId: string,
    actionId: string,
    note: { author: Actor; text: string },
  ): Promise<TicketAction | null>;
}

/** Returns the fields of a ticket that a change really changes. */
export function changedFields(
  ticket: Ticket,
  change: TicketChange,
): ("subject" | "body" | "requester" | "status" | "comment")[] {
  const fields = (["subject", "body", "requester", "status"] as const).filter(
    (field) => change[field] !== undefined && JSON.stringify(change[field]) !== JSON.stringify(ticket[field]),
  );
  return change.comment === undefined ? fields : [...fields, "comment"];
}

/** Returns the edit in the words of the ticket's own record. */
export function describeEdit(ticket: Ticket, change: TicketChange): string {
  return changedFields(ticket, change)
    .filter((field) => field !== "comment")
    .map((field) => describeField(field, ticket, change))
    .join("; ");
}

function describeField(field: string, ticket: Ticket, change: TicketChange): string {
  if (field === "status") return `status: ${ticket.status} to ${change.status}`;
  if (field === "requester") return `requester: ${nameOf(ticket.requester)} to ${nameOf(change.requester)}`;
  return `${field} changed`;
}

function nameOf(requester: Ticket["requester"] | undefined): string {
  const { name = "", reach = "" } = requester ?? {};
  return [name || "nobody", reach].filter((text) => text !== "").join(", ");
}
