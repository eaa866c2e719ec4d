import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import {
  decideSend,
  messageNeed,
  refuse,
  refuseDeactivated,
  refuseMarketing,
  refuseOffered,
  refuseOpening,
  refuseSendBy,
  refuseTemplate,
  refuseWithoutPhone,
  type Refusal,
  writeTemplateText,
  type Template,
  type TemplateList,
} from "@turno/conversation";
import {
  isRefusal,
  lockAgents,
  lockConversations,
  readAsker,
  readClock,
  retryOnConflict,
  type LockedConversation,
  type Sql,
  type Transaction,
} from "@turno/database";
import { knowTemplate } from "./know-template.ts";
import { reopenConversation } from "./reopen-conversation.ts";
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
  await knowTemplate(sql, request, options.readTemplates);
  return retryOnConflict(() => sql.begin((tx) => requestInTransaction(tx, request, options)));
}

async function requestInTransaction(
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
  const wording = await readWording(tx, request, asked);
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

/** Returns a template's text as the customer reads it, or why Meta would refuse it. Other messages say it themselves. */
async function readWording(
  tx: Transaction,
  { message }: CommandRequest<"send">,
  conversation: LockedConversation,
): Promise<{ text: string | null } | Refusal> {
  if (message.type !== "template") return { text: null };
  const { accountId, contactId } = conversation;
  const [[list = null], [template = null]] = await Promise.all([
    tx<TemplateList[]>`
      select read_at as "readAt", failed_since as "failedSince", failure from template_lists
      where account_id = ${accountId}`,
    tx<(Template & { category: string; isStopped: boolean; saidAt: Date | null; phone: string | null })[]>`
      select template.name, language, status, components, category, marketing_is_stopped as "isStopped",
        marketing_said_at as "saidAt", contacts.phone
      from templates as template cross join contacts
      where account_id = ${accountId} and template.name = ${message.name}
        and language = ${message.language} and contacts.id = ${contactId}`,
  ]);
  const refusal = refuseTemplate(message, template, message.components, list);
  if (refusal !== null || template === null) return refusal ?? { text: null };
  const unsendable = refuseMarketing(template) ?? refuseWithoutPhone(template, template.phone);
  return unsendable ?? { text: writeTemplateText(template, message.components) };
}
