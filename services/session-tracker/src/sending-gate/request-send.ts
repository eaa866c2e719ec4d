import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import {
  decideSend,
  messageNeed,
  refuse,
  refuseBlocked,
  refuseDeactivated,
  refuseOffered,
  refuseOpening,
  refuseSendBy,
  type Refusal,
} from "@turno/conversation";
import {
  isOpen,
  isRefusal,
  lockAgents,
  lockConversations,
  readAsker,
  readClock,
  retryOnConflict,
  type Sql,
  type Transaction,
} from "@turno/database";
import { knowTemplate } from "./know-template.ts";
import { reopenConversation } from "./reopen-conversation.ts";
import { readReceiver, wordTemplate } from "./word-template.ts";
import { writeSend } from "./write-send.ts";

/**
 * The gate. It decides whether a message may go out, in the transaction that asks for it, by the database's clock under
 * the conversation's row lock. A template on an expired conversation opens one new active conversation; who sends another at
 * the same moment is told where it goes on.
 */
export async function requestSend(
  sql: Sql,
  request: CommandRequest<"send">,
  options: { createId: () => string; readTemplates: (accountId: string) => Promise<void> },
): Promise<CommandAnswer<"send"> | Refusal> {
  const { message, conversationId } = request;
  if (message.type === "template") await knowTemplate(sql, message, { conversationId }, options.readTemplates);
  return retryOnConflict(() => sql.begin((tx) => requestInTransaction(tx, request, options)));
}

/** The gate's own transaction, for who is in one already. */
export async function requestInTransaction(
  tx: Transaction,
  request: CommandRequest<"send">,
  options: { createId: () => string },
): Promise<CommandAnswer<"send"> | Refusal> {
  const agents = await lockAgents(tx, [request.agentId]);
  const { asked, open, continuation } = await lockConversations(tx, request.conversationId);
  if (asked === null) return refuse("not-found", `There is no conversation ${request.conversationId}.`);
  const agent = agents.get(request.agentId);
  if (agent === undefined) return refuse("not-found", `There is no agent ${request.agentId}.`);
  const asker = await readAsker(tx, request.actor);
  if (isRefusal(asker)) return asker;
  const deactivated = refuseDeactivated(agent);
  if (deactivated !== null) return deactivated;
  const need = messageNeed(request.message.type);
  const continuedById = continuation?.id ?? null;
  const denied = refuseSendBy(asker, request.agentId, need, { ...asked, continuedById });
  const unaccepted = denied ?? refuseOffered(asker, asked);
  if (unaccepted !== null) return unaccepted;
  const blocked = isOpen(asked) ? null : await refuseToBlocked(tx, asked.contactId);
  if (blocked !== null) return blocked;

  const now = await readClock(tx);
  const decision = decideSend({
    state: asked.state,
    session: { endsAt: asked.sessionEndsAt, closedAt: asked.sessionClosedAt },
    need,
    now,
    continuedById,
    openConversationId: open?.id ?? null,
  });
  if (decision.kind === "refuse") return decision.refusal;
  const unknown = await refuseUnknownMessage(tx, request);
  if (unknown !== null) return unknown;
  const { message } = request;
  const wording =
    message.type === "template"
      ? await wordTemplate(tx, message, asked.accountId, readReceiver(tx, asked.contactId))
      : { text: null };
  if (isRefusal(wording)) return wording;

  const isOpening = decision.kind === "reopen";
  const unopened = isOpening ? refuseOpening(asker, agent, asked, request.force) : null;
  if (unopened !== null) return unopened;
  const target = isOpening ? await reopenConversation(tx, asked, agent, now, options.createId) : asked;
  const sendId = await writeSend(tx, target, request, {
    now,
    isOpening,
    ...wording,
    ...options,
  });
  const sessionEndsAt = target.sessionEndsAt ?? null;
  return { sendId, conversationId: target.id, sessionEndsAt: sessionEndsAt?.toISOString() ?? null };
}

/** Only asked where the conversation is not open: a blocked contact has no open one. Nobody blocks it until the transaction ends. */
async function refuseToBlocked(tx: Transaction, contactId: string): Promise<Refusal | null> {
  const [contact] = await tx<{ blockedAt: Date | null }[]>`
    select blocked_at as "blockedAt" from contacts where id = ${contactId} for key share`;
  return contact?.blockedAt == null ? null : refuseBlocked(contact.blockedAt);
}

/** A receipt for another conversation's message would tell another customer that it was read. */
async function refuseUnknownMessage(
  tx: Transaction,
  { message, conversationId }: CommandRequest<"send">,
): Promise<Refusal | null> {
  if (message.type !== "read") return null;
  const found = await tx`
    select from messages where key = ${`msg:${message.messageId}`} and conversation_id = ${conversationId}`;
  if (found.length > 0) return null;
  return refuse("not-found", `The customer wrote no message ${message.messageId} in this conversation.`);
}
