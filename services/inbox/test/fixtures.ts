import { configureStage, stageAgent, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";

export const byAgent = (index: number) => ({ kind: "agent" as const, agentId: stageAgent(index) });
export const OPERATOR = 50;
export const ADMIN = 60;
export const OUTSIDER = 70;

/** Two agents of one group, an operator and an admin, and an agent of another group. */
export async function configureInbox(stage: Stage): Promise<void> {
  const otherGroup = stageId(1, 1);
  await configureStage(stage, { agents: 2, isAvailable: false });
  await stage.command("configure", {
    groups: [{ id: otherGroup, name: "Billing", distribution: "manual" }],
    agents: [
      { id: stageAgent(OPERATOR), name: "Operator", role: "operator", groupIds: [STAGE_GROUP] },
      { id: stageAgent(ADMIN), name: "Admin", role: "admin" },
      { id: stageAgent(OUTSIDER), name: "Outsider", groupIds: [otherGroup] },
    ],
  });
  await stage.command("set-availability", { agentId: stageAgent(0), availability: "available" });
}

/** A customer writes, and the conversation is given to the one available agent. */
export async function openConversation(
  stage: Stage,
  user: string,
  texts: readonly string[] = ["hola"],
): Promise<string> {
  await stage.publish(texts.map((text, index) => ({ id: `wamid.${user}.${index}`, userId: `US.${user}`, text })));
  return waitFor(
    async () => {
      const [row] = await stage.sql<{ id: string; count: number }[]>`
        select conversation.id, count(*)::int as count
        from conversations as conversation
        join contacts as contact on contact.id = conversation.contact_id
        join messages as message on message.conversation_id = conversation.id
        where contact.user_id = ${`US.${user}`} and conversation.state = 'active' group by conversation.id`;
      return row !== undefined && row.count >= texts.length && row.id;
    },
    { what: `the conversation of ${user} is active with its messages` },
  );
}
