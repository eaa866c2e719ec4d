import { refuseEnded, type Ended } from "./closing.ts";
import { refuse, refuseContinued, type Refusal } from "./refusal.ts";
import type { ConversationState } from "./sending.ts";

export interface TicketRef {
  ticketId: string;
  ticketNumber: number;
}

/** A conversation's ticket link. A customer, a bot or a rule proposes it, until the agent decides. */
export type TicketLink = (TicketRef & { link: "proposed" | "confirmed" }) | null;

/** A step that somebody asks for on a conversation's ticket link. */
export type LinkStep =
  | { kind: "propose"; ticket: TicketRef }
  /** `ticketId`: the one that the agent saw, so that nobody confirms a proposal that changed meanwhile. */
  | { kind: "confirm"; ticketId: string | null }
  | { kind: "reject"; ticketId: string | null }
  | { kind: "link"; ticket: TicketRef }
  | { kind: "create"; ticket: TicketRef };

export type LinkDecision =
  | { kind: "change"; link: TicketLink }
  | { kind: "same" }
  | { kind: "refuse"; refusal: Refusal };

/**
 * Decides what becomes of a conversation's ticket link. An agent may correct its own link until the conversation ends.
 * A proposal never replaces what an agent decided. A new ticket is created only if none is confirmed.
 */
export function decideLink(
  step: LinkStep,
  conversation: { state: ConversationState; link: TicketLink; ended: Ended | null; continuedById: string | null },
): LinkDecision {
  const { state, link, ended, continuedById } = conversation;
  if (state === "closed" || state === "failed") return { kind: "refuse", refusal: refuseEnded(state, ended) };
  if (continuedById !== null) return { kind: "refuse", refusal: refuseContinued(continuedById) };
  switch (step.kind) {
    case "propose":
      if (link?.link === "confirmed") return isSame(link, step.ticket) ? { kind: "same" } : refuseLinked(link);
      if (link !== null && isSame(link, step.ticket)) return { kind: "same" };
      return { kind: "change", link: { ...step.ticket, link: "proposed" } };
    case "link":
      if (link?.link === "confirmed" && isSame(link, step.ticket)) return { kind: "same" };
      return { kind: "change", link: { ...step.ticket, link: "confirmed" } };
    case "create":
      if (link?.link === "confirmed") return refuseLinked(link);
      return { kind: "change", link: { ...step.ticket, link: "confirmed" } };
    case "confirm":
      if (link?.link === "confirmed") return refuseLinked(link);
      if (!isProposed(link, step.ticketId)) return refuseNotProposed(link);
      return { kind: "change", link: { ...link, link: "confirmed" } };
    case "reject":
      if (link?.link === "confirmed") return refuseLinked(link);
      if (!isProposed(link, step.ticketId)) return refuseNotProposed(link);
      return { kind: "change", link: null };
  }
}

/**
 * Returns why a ticket that was made for another contact may not be linked without a word, or null where it may. Its
 * customer's history would be read by those who work for this one.
 */
export function refuseAnothers(
  ticket: { number: number; requesterId: string | null; requester: { name: string } },
  contactId: string,
  isMeant: boolean,
): Refusal | null {
  const { number, requesterId, requester } = ticket;
  if (isMeant || requesterId === null || requesterId === contactId) return null;
  const message = `Ticket ${number} was made for another customer (${requester.name}). Say \`anothers: true\` to link it all the same.`;
  return refuse("ticket-of-another", message, { ticketNumber: number, requesterId, requester: requester.name });
}

/**
 * Returns the ticket with which a conversation is finalised: the one that is named, its own, or that of the conversation
 * that a template from it opened.
 */
export function chooseFinalTicket(
  named: TicketRef | null,
  own: TicketLink,
  continuations: TicketLink,
): TicketRef | null {
  return named ?? [own, continuations].find((link) => link?.link === "confirmed") ?? null;
}

const isSame = (link: TicketRef, ticket: TicketRef) => link.ticketId === ticket.ticketId;

function isProposed(link: TicketLink, seenId: string | null): link is NonNullable<TicketLink> {
  return link !== null && (seenId === null || link.ticketId === seenId);
}

function refuseLinked(link: TicketRef): LinkDecision {
  const { ticketId, ticketNumber } = link;
  const message = `This conversation is linked to ticket ${ticketNumber} already.`;
  return { kind: "refuse", refusal: refuse("ticket-linked", message, { ticketId, ticketNumber }) };
}

function refuseNotProposed(link: TicketLink): LinkDecision {
  const message =
    link === null
      ? "No ticket link is proposed for this conversation: it was decided already, or never proposed."
      : `Another ticket, ${link.ticketNumber}, is proposed by now: look at it first.`;
  const details = link === null ? { proposed: null } : { proposed: link.ticketNumber };
  return { kind: "refuse", refusal: refuse("ticket-link-not-proposed", message, details) };
}
