import type { Actor, CommandAnswer, CommandRequest } from "@turno/contracts";
import { refuse, refuseSpamBy, refuseUnpermitted, type Asker, type Refusal } from "@turno/conversation";
import {
  ConflictFailure,
  isRefusal,
  nameActor,
  readAsker,
  readClock,
  retryOnConflict,
  writeEvents,
  type NewEvent,
  type Sql,
  type Transaction,
} from "@turno/database";
import { endAllAsSpam, lockDisturbing, type LockedDisturbing } from "./end-as-spam.ts";

/**
 * Blocks a contact, and ends what it has open as spam, in one transaction.
 *
 * It locks agents, conversations, then the contact. Who opens a conversation holds the contact (key share) as one that is
 * not blocked: it is first, and then this begins again and ends that one too, or it finds out and begins again.
 */
export async function blockContact(
  sql: Sql,
  { actor, contactId, reason }: CommandRequest<"block-contact">,
  createId: () => string,
): Promise<CommandAnswer<"block-contact"> | Refusal> {
  const done = await retryOnConflict(() =>
    sql.begin(async (tx) => {
      const asked = await readAsked(tx, actor, contactId);
      if (isRefusal(asked)) return asked;
      const locked = await lockDisturbing(tx, { conversationId: null, openWithContactId: asked.contactId });
      return blockLocked(tx, { ...asked, locked }, { actor, reason, createId });
    }),
  );
  if (isRefusal(done)) return done;
  const { now, ...answer } = done;
  return { ...answer, blockedAt: now.toISOString() };
}

/** Unblocks a contact. */
export async function unblockContact(
  sql: Sql,
  { actor, contactId }: CommandRequest<"unblock-contact">,
  createId: () => string,
): Promise<CommandAnswer<"unblock-contact"> | Refusal> {
  return retryOnConflict(() =>
    sql.begin(async (tx) => {
      const asked = await readAsked(tx, actor, contactId);
      if (isRefusal(asked)) return asked;
      const contact = await lockContact(tx, asked.contactId);
      if (contact.blockedAt === null) return refuse("contact-not-blocked", "This contact is not blocked.");
      const data = { contactId: asked.contactId, actor };
      await writeBlock(tx, null, { id: createId(), type: "contact.unblocked", sequence: contact.sequence + 1, data });
      return { contactId: asked.contactId };
    }),
  );
}

interface Blocked {
  contactId: string;
  closedConversationIds: string[];
  now: Date;
}

/** Blocks a contact, for who may, with everything that it has open: that is locked, and is for the asker to end. */
export async function blockLocked(
  tx: Transaction,
  { asker, contactId, locked }: { asker: Asker; contactId: string; locked: readonly LockedDisturbing[] },
  { actor, reason, createId }: { actor: Actor; reason: string; createId: () => string },
): Promise<Blocked | Refusal> {
  const open = locked.filter(({ state }) => state === "queued" || state === "active");
  if (open.some((conversation) => refuseSpamBy(asker, conversation) !== null)) {
    const message =
      "The contact has an open conversation in another group: an operator of that one, or an admin may block it.";
    return refuse("not-permitted", message);
  }
  const contact = await lockContact(tx, contactId);
  const [stored] = await tx<{ count: number }[]>`
    select count(*)::int as count from conversations
    where contact_id = ${contactId} and state in ('queued', 'active')`;
  if (stored?.count !== open.length) throw new ConflictFailure("a conversation opened before the contact was locked");
  // A release that knows no blocks may have opened something for it.
  if (contact.blockedAt !== null && open.length === 0) return refuseAgain(tx, contactId, contact.blockedAt);
  const now = await readClock(tx);
  await endAllAsSpam(tx, open, { actor, now, createId });
  const data = { contactId, reason, actor };
  await writeBlock(tx, now, { id: createId(), type: "contact.blocked", sequence: contact.sequence + 1, data });
  return { contactId, closedConversationIds: open.map(({ id }) => id), now };
}

/** Returns who asks, and the contact that this one is now. Whoever may not learn which contacts there are is refused. */
async function readAsked(
  tx: Transaction,
  actor: Actor,
  named: string,
): Promise<{ asker: Asker; contactId: string } | Refusal> {
  const asker = await readAsker(tx, actor);
  if (isRefusal(asker)) return asker;
  const [found] = await tx<
    { id: string }[]
  >`select coalesce(joined_into_id, id) as id from contacts where id = ${named}`;
  const contactId = found?.id ?? named;
  const denied = await refuseBlockBy(tx, asker, contactId);
  if (denied !== null) return denied;
  return found === undefined ? refuse("not-found", `There is no contact ${named}.`) : { asker, contactId };
}

/** Returns why the asker may not block or unblock the contact: it had no conversation in a group of the asker. */
export async function refuseBlockBy(tx: Transaction, asker: Asker, contactId: string): Promise<Refusal | null> {
  const rows = await tx<{ id: string }[]>`
    select distinct group_id as id from conversations where contact_id = ${contactId}`;
  return refuseUnpermitted(asker, "block-contact", { agentIds: [], groupIds: rows.map(({ id }) => id) });
}

async function lockContact(tx: Transaction, contactId: string): Promise<{ sequence: number; blockedAt: Date | null }> {
  const [contact] = await tx<{ sequence: number; blockedAt: Date | null }[]>`
    select sequence, blocked_at as "blockedAt" from contacts
    where id = ${contactId} and joined_into_id is null for update`;
  if (contact === undefined) throw new ConflictFailure("the contact was joined with another one meanwhile");
  return contact;
}

async function writeBlock(
  tx: Transaction,
  blockedAt: Date | null,
  event: Extract<NewEvent, { type: "contact.blocked" | "contact.unblocked" }>,
): Promise<void> {
  const now = blockedAt ?? (await readClock(tx));
  await Promise.all([
    tx`
      update contacts set blocked_at = ${blockedAt}, sequence = ${event.sequence}
      where id = ${event.data.contactId}`,
    writeEvents(tx, [event], now),
  ]);
}

/** Of two who block the contact, the second learns who was first, when and why. */
async function refuseAgain(tx: Transaction, contactId: string, blockedAt: Date): Promise<Refusal> {
  const [first] = await tx<{ data: { actor: Actor; reason: string } }[]>`
    select data from events where entity_id = ${contactId} and type = 'contact.blocked' order by sequence desc limit 1`;
  const at = blockedAt.toISOString();
  const by = first === undefined ? "Turno" : await nameActor(tx, first.data.actor);
  const reason = first?.data.reason ?? "";
  return refuse("contact-blocked", `${by} blocked this contact at ${at}: “${reason}”.`, { by, at, reason });
}
