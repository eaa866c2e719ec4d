import type { Actor, CommandAnswer, WrittenEvent } from "@turno/contracts";
import {
  decideLink,
  refuse,
  refuseAnothers,
  refuseOffered,
  refuseOnConversation,
  type LinkStep,
  type Refusal,
  type TicketLink,
  type TicketRef,
} from "@turno/conversation";
import {
  and,
  desc,
  eq,
  expression,
  isRefusal,
  nameActor,
  readAsker,
  readClock,
  retryOnConflict,
  typed,
  writeEvents,
  type Sql,
  type Transaction,
} from "@turno/database";
import { contacts, conversations, events } from "@turno/database/schema";
import { lockConversation, type WorkedConversation } from "../lock-conversation.ts";
import type { Ticket } from "./ticket-store.ts";

type LinkAnswer = CommandAnswer<"link-ticket">;

/** Changes a conversation's ticket link, with its event. The second person to decide it learns who was first and when. */
export async function changeTicketLink(
  sql: Sql,
  request: WorkRequest,
  step: LinkStep,
  createId: () => string,
): Promise<LinkAnswer | Refusal> {
  return retryOnConflict(() =>
    sql.begin(async (tx) => {
      const conversation = await lockForWork(tx, request, "ticket-link");
      if (isRefusal(conversation)) return conversation;
      const decision = decideLink(step, conversation);
      if (decision.kind === "refuse") return withDecider(tx, decision.refusal, request.conversationId);
      if (decision.kind === "same") return toAnswer(conversation.id, conversation.link);
      await writeLink(tx, conversation, decision.link, createId, eventOf(step, conversation, request.actor));
      return toAnswer(conversation.id, decision.link);
    }),
  );
}

type WorkRequest = { actor: Actor; conversationId: string };

/**
 * Returns why the actor may not work on the conversation, whatever ticket it means; null where it may. It is asked before
 * the ticket is looked for, in a store that may be another program.
 */
export async function refuseWork(
  sql: Sql,
  request: WorkRequest,
  act: "ticket-link" | "finalise",
): Promise<Refusal | null> {
  const worked = await retryOnConflict(() => sql.begin((tx) => lockForWork(tx, request, act)));
  return isRefusal(worked) ? worked : null;
}

/** Locks the conversation for who may work on it. */
export async function lockForWork(
  tx: Transaction,
  { actor, conversationId }: WorkRequest,
  act: "ticket-link" | "finalise" | "close",
): Promise<WorkedConversation | Refusal> {
  const conversation = await lockConversation(tx, conversationId);
  if (conversation === null) return refuse("not-found", `There is no conversation ${conversationId}.`);
  const asker = await readAsker(tx, actor);
  if (isRefusal(asker)) return asker;
  return refuseOnConversation(asker, act, conversation) ?? refuseOffered(asker, conversation) ?? conversation;
}

/** Confirms a ticket for a conversation that its caller has locked. Returns the conversation as it is then. */
export async function confirmLink(
  tx: Transaction,
  conversation: WorkedConversation,
  ticket: TicketRef,
  { actor, createId }: { actor: Actor; createId: () => string },
): Promise<WorkedConversation> {
  const link = { ...ticket, link: "confirmed" as const };
  await writeLink(tx, conversation, link, createId, eventOf({ kind: "link", ticket }, conversation, actor));
  return { ...conversation, link, sequence: conversation.sequence + 1 };
}

/** Returns why a ticket may not be linked to the conversation without a word: it was made for another contact. */
export async function refuseAnothersTicket(
  sql: Sql,
  conversationId: string,
  ticket: Ticket,
  isMeant: boolean,
): Promise<Refusal | null> {
  const { requesterId: madeForId, number, requester } = ticket;
  const [row] = await sql<{ contactId: string; requesterId: string | null }[]>`
    select contact_id as "contactId",
      (select coalesce(joined_into_id, id) from contacts where id = ${madeForId}) as "requesterId"
    from conversations where id = ${conversationId}`;
  return row === undefined
    ? null
    : refuseAnothers({ number, requester, requesterId: row.requesterId }, row.contactId, isMeant);
}

/** Returns why a new ticket for a conversation would be refused, before one is created; else the contact, and who it is. */
export async function checkNewTicket(
  sql: Sql,
  request: { actor: Actor; conversationId: string },
): Promise<{ requesterId: string; contact: Ticket["requester"] } | Refusal> {
  return retryOnConflict(() =>
    sql.begin(async (tx) => {
      const conversation = await lockForWork(tx, request, "ticket-link");
      if (isRefusal(conversation)) return conversation;
      const { id: ticketId } = conversation;
      const decision = decideLink({ kind: "create", ticket: { ticketId, ticketNumber: 0 } }, conversation);
      if (decision.kind === "refuse") return withDecider(tx, decision.refusal, request.conversationId);
      return { requesterId: conversation.contactId, contact: await readContact(tx, conversation.contactId) };
    }),
  );
}

const NAME_LENGTH_MAX = 100;

async function readContact(tx: Transaction, contactId: string): Promise<Ticket["requester"]> {
  const [row] = await typed(tx)
    .select({ name: contacts.name, username: contacts.username, phone: contacts.phone })
    .from(contacts)
    .where(eq(contacts.id, contactId));
  const { name = null, username = null, phone = null } = row ?? {};
  return { name: (name ?? username ?? phone ?? "Customer").slice(0, NAME_LENGTH_MAX), reach: phone ?? username ?? "" };
}

/** Returns the confirmed ticket of the contact's conversation before this one, or null. */
export async function findLastTicket(sql: Sql, conversationId: string): Promise<string | null> {
  const [row] = await sql<{ ticketId: string | null }[]>`
    select earlier.ticket_id as "ticketId"
    from conversations as conversation join conversations as earlier on earlier.contact_id = conversation.contact_id
    where conversation.id = ${conversationId} and earlier.id <> conversation.id
      and earlier.opened_at <= conversation.opened_at and earlier.ticket_link = 'confirmed'
    order by earlier.opened_at desc limit 1`;
  return row?.ticketId ?? null;
}

/**
 * Proposes the ticket of the contact's last conversation for a new one. It does nothing if the new one has or had a
 * link of its own, so a rejected proposal does not come back.
 */
export async function proposeReturningLink(
  sql: Sql,
  conversationId: string,
  ticket: { ticketId: string; ticketNumber: number },
  createId: () => string,
): Promise<boolean> {
  return retryOnConflict(() =>
    sql.begin(async (tx) => {
      const conversation = await lockConversation(tx, conversationId);
      if (conversation === null || conversation.link !== null) return false;
      const [earlier] = await tx`
        select from events where entity_id = ${conversationId} and starts_with(type, 'ticket.') limit 1`;
      if (earlier !== undefined) return false;
      const decision = decideLink({ kind: "propose", ticket }, conversation);
      if (decision.kind !== "change") return false;
      const actor = { kind: "system" as const };
      const data = { ...placeOf(conversation), ...pick(ticket), cause: "returning" as const, actor };
      await writeLink(tx, conversation, decision.link, createId, { type: "ticket.proposed", data });
      return true;
    }),
  );
}

type LinkEvent = Extract<WrittenEvent, { type: "ticket.proposed" | "ticket.confirmed" | "ticket.rejected" }>;

function eventOf(step: LinkStep, conversation: WorkedConversation, actor: Actor): LinkEvent {
  const place = placeOf(conversation);
  switch (step.kind) {
    case "propose":
      return { type: "ticket.proposed", data: { ...place, ...pick(step.ticket), actor, cause: "asked" } };
    case "link":
      return { type: "ticket.confirmed", data: { ...place, ...pick(step.ticket), actor, cause: "linked" } };
    case "create":
      return { type: "ticket.confirmed", data: { ...place, ...pick(step.ticket), actor, cause: "created" } };
    case "confirm":
      return { type: "ticket.confirmed", data: { ...place, ...pick(conversation.link), actor, cause: "proposal" } };
    case "reject":
      return { type: "ticket.rejected", data: { ...place, ...pick(conversation.link), actor } };
  }
}

function placeOf({ id: conversationId, channelId, phoneNumberId, contactId }: WorkedConversation) {
  return { conversationId, channelId, phoneNumberId, contactId };
}

function pick(ticket: { ticketId: string; ticketNumber: number } | null): { ticketId: string; ticketNumber: number } {
  if (ticket === null) throw new Error("a link that was decided names no ticket");
  return { ticketId: ticket.ticketId, ticketNumber: ticket.ticketNumber };
}

async function writeLink(
  tx: Transaction,
  conversation: WorkedConversation,
  link: TicketLink,
  createId: () => string,
  event: LinkEvent,
): Promise<void> {
  const sequence = conversation.sequence + 1;
  const now = await readClock(tx);
  const { ticketId = null, ticketNumber = null, link: ticketLink = null } = link ?? {};
  await typed(tx)
    .update(conversations)
    .set({ ticketId, ticketNumber, ticketLink, sequence })
    .where(eq(conversations.id, conversation.id));
  await writeEvents(tx, [{ ...event, id: createId(), sequence }], now);
}

/** Adds to a refusal who decided the link last, and when. */
async function withDecider(tx: Transaction, refusal: Refusal, conversationId: string): Promise<Refusal> {
  if (refusal.code === "conversation-closed") return refusal;
  const [row] = await typed(tx)
    .select({ actor: expression<Actor>`${events.data} -> 'actor'`, at: events.occurredAt })
    .from(events)
    .where(and(eq(events.entityId, conversationId), expression`starts_with(${events.type}, 'ticket.')`))
    .orderBy(desc(events.sequence))
    .limit(1);
  if (row === undefined) return refusal;
  const decided = { by: await nameActor(tx, row.actor), at: row.at.toISOString() };
  const message = `${refusal.message} Last changed by ${decided.by} at ${decided.at}.`;
  return { ...refusal, message, details: { ...refusal.details, ...decided } };
}

function toAnswer(conversationId: string, link: TicketLink): LinkAnswer {
  return {
    conversationId,
    ticketId: link?.ticketId ?? null,
    ticketNumber: link?.ticketNumber ?? null,
    ticketLink: link?.link ?? null,
  };
}
