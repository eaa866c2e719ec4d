import type { Actor, CommandAnswer, CommandRequest } from "@turno/contracts";
import { endAsSpam, refuse, refuseSpamBy, type Ended, type Refusal } from "@turno/conversation";
import {
  ConflictFailure,
  isRefusal,
  nameActor,
  readAsker,
  readClock,
  retryOnConflict,
  type Sql,
  type Transaction,
} from "@turno/database";
import { blockLocked, refuseBlockBy } from "./block-contact.ts";
import { endAllAsSpam, lockDisturbing } from "./end-as-spam.ts";

type Request = CommandRequest<"close-as-spam">;

/** Ends a conversation as spam, in one transaction with the block of its contact where that is asked for. */
export async function closeAsSpam(
  sql: Sql,
  request: Request,
  createId: () => string,
): Promise<CommandAnswer<"close-as-spam"> | Refusal> {
  return retryOnConflict(() => sql.begin((tx) => closeInTransaction(tx, request, createId)));
}

async function closeInTransaction(
  tx: Transaction,
  { actor, conversationId, block, reason = "spam" }: Request,
  createId: () => string,
): Promise<CommandAnswer<"close-as-spam"> | Refusal> {
  const asker = await readAsker(tx, actor);
  if (isRefusal(asker)) return asker;
  const [seen] = await tx<{ contactId: string }[]>`
    select contact_id as "contactId" from conversations where id = ${conversationId}`;
  if (seen === undefined) return refuse("not-found", `There is no conversation ${conversationId}.`);
  const locked = await lockDisturbing(tx, { conversationId, openWithContactId: block ? seen.contactId : null });
  const asked = locked.find(({ id }) => id === conversationId);
  if (asked === undefined || asked.contactId !== seen.contactId) {
    throw new ConflictFailure("the conversation moved before it was locked");
  }
  const denied = refuseSpamBy(asker, asked) ?? (block ? await refuseBlockBy(tx, asker, asked.contactId) : null);
  if (denied !== null) return denied;
  const how = endAsSpam(asked.state, asked.state === "closed" ? await readEnd(tx, conversationId) : null);
  if (typeof how !== "string") return how;
  const blocked = block
    ? await blockLocked(tx, { asker, contactId: asked.contactId, locked }, { actor, reason, createId })
    : null;
  // Who is blocked already may still have what has expired.
  if (blocked !== null && isRefusal(blocked) && blocked.code !== "contact-blocked") return blocked;
  const isBlocked = blocked !== null && !isRefusal(blocked);
  const now = isBlocked ? blocked.now : await readClock(tx);
  const isEnded = isBlocked && asked.state !== "expired";
  if (!isEnded) await endAllAsSpam(tx, [asked], { actor, now, createId });
  return { conversationId, how, closedAt: now.toISOString(), isBlocked };
}

async function readEnd(tx: Transaction, conversationId: string): Promise<Ended | null> {
  const [row] = await tx<{ actor: Actor; at: Date }[]>`
    select data -> 'actor' as actor, occurred_at as at from events
    where entity_id = ${conversationId} and type = 'conversation.closed' order by sequence desc limit 1`;
  return row === undefined ? null : { by: await nameActor(tx, row.actor), at: row.at };
}
