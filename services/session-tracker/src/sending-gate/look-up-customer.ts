import type { CommandRequest } from "@turno/contracts";
import {
  createAddressed,
  mayNameContact,
  refuse,
  refuseBlocked,
  type Asker,
  type Identities,
  type OpenAlready,
  type Refusal,
} from "@turno/conversation";
import { asJson, ConflictFailure, type Transaction } from "@turno/database";
import { canonicalPhone } from "@turno/whatsapp";
import type { TemplateReceiver } from "./word-template.ts";

/** A customer to whom somebody writes first. */
export interface WrittenTo extends TemplateReceiver {
  id: string;
  userId: string | null;
  name: string | null;
  username: string | null;
  /** What has to be written first, where nothing was known of the customer. */
  made: ReturnType<typeof createAddressed> | null;
}

/** The customer's latest conversation on the channel that is not open and did not fail. */
export interface LastConversation {
  id: string;
  state: "expired" | "closed";
  continuedById: string | null;
  sessionClosedAt: Date | null;
  ticketId: string | null;
  ticketNumber: number | null;
  ticketLink: "proposed" | "confirmed" | null;
}

/** Finds the customer who is named, or says what to write for one of whom nothing is known. */
export async function lookUpCustomer(
  tx: Transaction,
  asker: Asker,
  { contactId, ...address }: CommandRequest<"start-conversation">["to"],
  createId: () => string,
): Promise<WrittenTo | Refusal> {
  const identities = toIdentities(address);
  const [known] = await tx<(Omit<WrittenTo, "made"> & { groupIds: string[]; blockedAt: Date | null })[]>`
    select contact.id, contact.user_id as "userId", contact.phone, contact.name, contact.username,
      contact.marketing_is_stopped as "isStopped", contact.marketing_said_at as "saidAt",
      contact.blocked_at as "blockedAt",
      array(select distinct group_id from conversations where contact_id = contact.id) as "groupIds"
    from contacts as contact where contact.id = ${
      contactId === undefined
        ? tx`(select contact_id from contact_identities where (kind, value) = (${identities.userId === null ? "phone" : "user"}, ${identities.userId ?? identities.phoneKey}))`
        : tx`(select coalesce(joined_into_id, id) from contacts where id = ${contactId})`
    }`;
  if (known !== undefined && (contactId === undefined || mayNameContact(asker, known))) {
    const { groupIds: _, blockedAt, ...customer } = known;
    if (blockedAt !== null) return refuseBlocked(blockedAt);
    return { ...customer, made: null };
  }
  if (contactId !== undefined) return refuse("not-found", `There is no contact ${contactId} that you may write to.`);
  const made = createAddressed(identities, createId);
  const { id, userId, phone, name, username } = made.contact;
  return { id, userId, phone, name, username, isStopped: false, saidAt: null, made };
}

function toIdentities({ userId, phone }: { userId?: string | undefined; phone?: string | undefined }): Identities {
  const digits = phone?.replace("+", "") ?? null;
  const phoneKey = digits === null ? null : canonicalPhone(digits);
  return { userId: userId ?? null, parentUserId: null, phone: digits, phoneKey };
}

/** Reads what there is between the customer and the channel. It locks nothing: the index of open conversations decides. */
export async function readBetween(
  tx: Transaction,
  contactId: string,
  channelId: string,
): Promise<{ open: OpenAlready | null; last: LastConversation | null }> {
  const [[open = null], [last = null]] = await Promise.all([
    tx<OpenAlready[]>`
      select conversation.id as "conversationId", state, agent_id as "agentId", agents.name as "agentName",
        coalesce(assigned_at, queued_at) as since
      from conversations as conversation left join agents on agents.id = agent_id
      where contact_id = ${contactId} and channel_id = ${channelId} and state in ('queued', 'active')`,
    tx<LastConversation[]>`
      select id, state, session_closed_at as "sessionClosedAt", ticket_id as "ticketId", ticket_number as "ticketNumber",
        ticket_link as "ticketLink", coalesce(joined_into_id, (
          select continuation.id from conversations as continuation
          where continuation.continues_conversation_id = conversation.id and continuation.state <> 'failed'
        )) as "continuedById"
      from conversations as conversation
      where contact_id = ${contactId} and channel_id = ${channelId} and state in ('expired', 'closed')
      order by opened_at desc limit 1`,
  ]);
  return { open, last };
}

/**
 * Writes a customer who is new, with what leads to it: the customer's own first message finds it there, or was first, and
 * then this begins again. One who is known is not joined with another one or blocked meanwhile, nor was it before.
 */
export async function holdCustomer(tx: Transaction, { id, made }: WrittenTo, now: Date): Promise<void> {
  if (made === null) {
    const held =
      await tx`select from contacts where id = ${id} and joined_into_id is null and blocked_at is null for key share`;
    if (held.length === 0) throw new ConflictFailure("the contact was joined with another one, or blocked, meanwhile");
    return;
  }
  const { contact, identities } = made;
  await Promise.all([
    tx`
      insert into contacts (id, user_id, phone, phone_key, sequence, created_at)
      values (${id}, ${contact.userId}, ${contact.phone}, ${contact.phoneKey}, ${contact.sequence}, ${now})`,
    tx`
      insert into contact_identities (kind, value, contact_id)
      select kind, value, "contactId"
      from json_to_recordset(${asJson(identities)}::text::json) as identity(kind text, value text, "contactId" uuid)`,
  ]);
}
