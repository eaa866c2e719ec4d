import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import {
  decideStart,
  refuse,
  refuseDeactivated,
  refuseOpening,
  refuseStartBy,
  type Asker,
  type Refusal,
} from "@turno/conversation";
import {
  ConflictFailure,
  isRefusal,
  lockAgents,
  readAsker,
  readClock,
  retryOnConflict,
  writeEvents,
  type AgentRow,
  type Sql,
  type Transaction,
} from "@turno/database";
import { insertActive, type OpenedByTemplate } from "./insert-active.ts";
import { knowTemplate } from "./know-template.ts";
import {
  holdCustomer,
  lookUpCustomer,
  readBetween,
  type WrittenTo,
  type LastConversation,
} from "./look-up-customer.ts";
import { requestInTransaction } from "./request-send.ts";
import { wordTemplate } from "./word-template.ts";
import { writeSend } from "./write-send.ts";

type Request = CommandRequest<"start-conversation">;
type Answer = CommandAnswer<"start-conversation">;

interface StartChannel {
  id: string;
  groupId: string;
  phoneNumberId: string;
  accountId: string | null;
}

/** Between whom a conversation opens. */
interface Parties {
  asker: Asker;
  agent: AgentRow;
  channel: StartChannel;
  customer: WrittenTo;
  last: LastConversation | null;
}

/**
 * Writes to a customer first: opens one active conversation with the agent, by a template. Who else opens one at the same
 * moment, the customer or another agent, meets the index of open conversations: one of them begins again, and finds the
 * other's.
 */
export async function startConversation(
  sql: Sql,
  request: Request,
  options: { createId: () => string; readTemplates: (accountId: string) => Promise<void> },
): Promise<Answer | Refusal> {
  const { message, channelId } = request;
  await knowTemplate(sql, message, { channelId }, options.readTemplates);
  return retryOnConflict(() => sql.begin((tx) => startInTransaction(tx, request, options)));
}

async function startInTransaction(
  tx: Transaction,
  request: Request,
  options: { createId: () => string },
): Promise<Answer | Refusal> {
  const agent = (await lockAgents(tx, [request.agentId])).get(request.agentId);
  const asker = await readAsker(tx, request.actor);
  if (isRefusal(asker)) return asker;
  if (agent === undefined) return refuse("not-found", `There is no agent ${request.agentId}.`);
  const [channel] = await tx<StartChannel[]>`
    select id, group_id as "groupId", phone_number_id as "phoneNumberId", account_id as "accountId"
    from channels where id = ${request.channelId}`;
  if (channel === undefined) return refuse("not-found", `There is no channel ${request.channelId}.`);
  const denied = refuseDeactivated(agent) ?? refuseStartBy(asker, agent, channel.groupId);
  if (denied !== null) return denied;
  const customer = await lookUpCustomer(tx, asker, request.to, options.createId);
  if (isRefusal(customer)) return customer;

  const { open, last } = await readBetween(tx, customer.id, channel.id);
  const decision = decideStart({ open, last });
  if (decision.kind === "refuse") return decision.refusal;
  if (decision.kind === "continue") return goOn(tx, request, { ...options, ...decision, contactId: customer.id });
  return openNew(tx, request, { asker, agent, channel, customer, last }, options);
}

/** What a template on the expired conversation is refused for where somebody was first, who is found when this begins again. */
const OVERTAKEN = new Set<string>(["conversation-continued", "conversation-superseded", "conversation-not-open"]);

/** The expired conversation goes on, by all that a template on it is asked. */
async function goOn(
  tx: Transaction,
  { actor, agentId, message, force }: Request,
  found: { conversationId: string; contactId: string; createId: () => string },
): Promise<Answer | Refusal> {
  const { conversationId, contactId } = found;
  const sent = await requestInTransaction(tx, { actor, agentId, conversationId, message, force }, found);
  if (!isRefusal(sent)) {
    return {
      sendId: sent.sendId,
      conversationId: sent.conversationId,
      contactId,
      continuesConversationId: conversationId,
    };
  }
  if (OVERTAKEN.has(sent.code)) throw new ConflictFailure("somebody went on with the expired conversation first");
  return sent;
}

async function openNew(
  tx: Transaction,
  request: Request,
  parties: Parties,
  { createId }: { createId: () => string },
): Promise<Answer | Refusal> {
  const { asker, agent, channel, customer } = parties;
  const wording = await wordTemplate(tx, request.message, channel.accountId, customer);
  if (isRefusal(wording)) return wording;
  const held = { agentId: agent.agentId, groupId: channel.groupId, state: "active" as const };
  const unopened = refuseOpening(asker, agent, held, request.force);
  if (unopened !== null) return unopened;

  const now = await readClock(tx);
  await holdCustomer(tx, customer, now);
  const opened = toOpened(parties, createId(), now);
  await insertActive(tx, opened, createId());
  const { id: conversationId, channelId, phoneNumberId, contactId, groupId, agentId, ticketId, ticketNumber } = opened;
  const { name, username, phone, userId } = customer;
  const place = { conversationId, channelId, phoneNumberId, contactId, groupId, agentId };
  const data = { ...place, contact: { name, username, phone, userId }, ticketId, ticketNumber, actor: request.actor };
  await writeEvents(tx, [{ id: createId(), type: "conversation.started", sequence: opened.sequence, data }], now);
  const sendId = await writeSend(tx, opened, request, { now, isOpening: true, ...wording, createId });
  return { sendId, conversationId, contactId, continuesConversationId: null };
}

/** It has the ticket of the last one where that was confirmed. What the customer wrote before Meta ended the session does not open it. */
function toOpened({ agent, channel, customer, last }: Parties, id: string, now: Date): OpenedByTemplate {
  const isConfirmed = last?.ticketLink === "confirmed";
  return {
    id,
    channelId: channel.id,
    contactId: customer.id,
    groupId: channel.groupId,
    phoneNumberId: channel.phoneNumberId,
    accountId: channel.accountId,
    state: "active",
    agentId: agent.agentId,
    sequence: 1,
    offeredUntil: null,
    openedAt: now,
    sessionEndsAt: null,
    sessionClosedAt: last?.sessionClosedAt ?? null,
    continuesConversationId: null,
    joinedIntoId: null,
    ticketId: isConfirmed ? last.ticketId : null,
    ticketNumber: isConfirmed ? last.ticketNumber : null,
    ticketLink: isConfirmed ? "confirmed" : null,
  };
}
