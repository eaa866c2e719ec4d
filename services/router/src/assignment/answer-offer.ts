import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import {
  refuse,
  refuseAnswerToOffer,
  refuseDeactivated,
  refuseOnConversation,
  type Refusal,
} from "@turno/conversation";
import {
  eq,
  expression,
  isRefusal,
  lockAgents,
  lockConversations,
  nameActor,
  readAsker,
  readClock,
  retryOnConflict,
  typed,
  writeEvents,
  type LockedConversation,
  type Sql,
  type Transaction,
} from "@turno/database";
import { agents, conversations, groups } from "@turno/database/schema";
import { putBack } from "./put-back.ts";

type Answer = CommandRequest<"accept"> | CommandRequest<"decline">;

/** Accepts what is offered to an agent: limits for its answers count from now on. */
export async function accept(
  sql: Sql,
  request: CommandRequest<"accept">,
  createId: () => string,
): Promise<CommandAnswer<"accept"> | Refusal> {
  return answer(sql, request, "accept", async (tx, conversation, now) => {
    const { agentId, actor } = request;
    const sequence = conversation.sequence + 1;
    await Promise.all([
      typed(tx)
        .update(conversations)
        .set({ offeredUntil: null, assignedAt: now, sequence })
        .where(eq(conversations.id, conversation.id)),
      forgetMissed(tx, agentId),
    ]);
    const data = { ...placeOf(conversation), groupId: conversation.groupId, agentId, actor };
    await writeEvents(tx, [{ id: createId(), type: "conversation.accepted", sequence, data }], now);
    return { conversationId: conversation.id, agentId, acceptedAt: now.toISOString() };
  });
}

/** Gives back what is offered to an agent. It keeps its place in the queue, and is not the agent's while there is another. */
export async function decline(
  sql: Sql,
  request: CommandRequest<"decline">,
  createId: () => string,
): Promise<CommandAnswer<"decline"> | Refusal> {
  return answer(sql, request, "decline", async (tx, conversation, now) => {
    const { agentId, actor, reason } = request;
    const { id: conversationId, groupId } = conversation;
    const who = await nameActor(tx, actor);
    const said = reason === undefined ? `${who} declined it.` : `${who} declined it: ${reason}`;
    const limits = await readLimits(tx, conversationId);
    const row = { ...placeOf(conversation), groupId, agentId, sequence: conversation.sequence, ...limits };
    await putBack(tx, groupId, [{ ...row, reason: said, actor }], now, createId);
    await forgetMissed(tx, agentId);
    return { conversationId };
  });
}

async function readLimits(tx: Transaction, conversationId: string) {
  const [row] = await typed(tx)
    .select({
      waitingSince: conversations.waitingSince,
      lapses: expression<number>`cardinality(${conversations.lapsedAgentIds})`,
      lapsesMax: groups.lapsesMax,
    })
    .from(conversations)
    .innerJoin(groups, eq(groups.id, conversations.groupId))
    .where(eq(conversations.id, conversationId));
  if (row === undefined) throw new Error("a conversation that is locked is gone");
  return row;
}

async function answer<T extends object>(
  sql: Sql,
  request: Answer,
  act: "accept" | "decline",
  write: (tx: Transaction, conversation: LockedConversation, now: Date) => Promise<T>,
): Promise<T | Refusal> {
  return retryOnConflict(async () => {
    const answered = await sql.begin(async (tx): Promise<{ as: T | Refusal }> => {
      if (act === "decline") await lockGroupOf(tx, request.conversationId);
      const agent = (await lockAgents(tx, [request.agentId])).get(request.agentId);
      const { asked } = await lockConversations(tx, request.conversationId);
      if (asked === null) return { as: refuse("not-found", `There is no conversation ${request.conversationId}.`) };
      if (agent === undefined) return { as: refuse("not-found", `There is no agent ${request.agentId}.`) };
      const asker = await readAsker(tx, request.actor);
      if (isRefusal(asker)) return { as: asker };
      const refusal =
        refuseDeactivated(agent) ??
        refuseOnConversation(asker, act, asked) ??
        refuseAnswerToOffer(request.agentId, asked);
      return { as: refusal ?? (await write(tx, asked, await readClock(tx))) };
    });
    return answered.as;
  });
}

/** What goes back to a queue goes there under the group's lock, as everywhere. */
async function lockGroupOf(tx: Transaction, conversationId: string): Promise<void> {
  await tx`
    select from groups where id = (select group_id from conversations where id = ${conversationId}) for no key update`;
}

const forgetMissed = (tx: Transaction, agentId: string) =>
  typed(tx).update(agents).set({ offersMissed: 0 }).where(eq(agents.id, agentId));

function placeOf({ id: conversationId, channelId, phoneNumberId, contactId }: LockedConversation) {
  return { conversationId, channelId, phoneNumberId, contactId };
}
