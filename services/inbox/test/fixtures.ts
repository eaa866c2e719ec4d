import { configureStage, stageAgent, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";

export const byAgent = (index: number) => ({ kind: "agent" as const, agentId: stageAgent(index) });
export const OPERATOR = 50;
export const ADMIN = 60;
export const OUTSIDER = 70;
export const BILLING = stageId(1, 1);

/** Two agents of one group, an operator and an admin, and an agent of another group. */
export async function configureInbox(stage: Stage): Promise<void> {
  await configureStage(stage, { agents: 2, isAvailable: false });
  await stage.command("configure", {
    groups: [{ id: BILLING, name: "Billing", distribution: "manual" }],
    agents: [
      { id: stageAgent(OPERATOR), name: "Operator", role: "operator", groupIds: [STAGE_GROUP] },
      { id: stageAgent(ADMIN), name: "Admin", role: "admin" },
      { id: stageAgent(OUTSIDER), name: "Outsider", groupIds: [BILLING] },
    ],
    programs: [{ name: "bot", groupIds: [STAGE_GROUP] }],
  });
  await stage.command("set-availability", { agentId: stageAgent(0), availability: "available" });
}

/** A customer writes, and the conversation is given to the one available agent. */
export const openConversation = (stage: Stage, user: string, texts: readonly string[] = ["hola"]) =>
  receive(stage, user, texts, "active");

/** A customer writes to a group that gives nothing out by itself. */
export const queueConversation = (stage: Stage, user: string) => receive(stage, user, ["hola"], "queued");

async function receive(
  stage: Stage,
  user: string,
  texts: readonly string[],
  state: "queued" | "active",
): Promise<string> {
  await stage.publish(texts.map((text, index) => ({ id: `wamid.${user}.${index}`, userId: `US.${user}`, text })));
  return waitFor(
    async () => {
      const [row] = await stage.sql<{ id: string; count: number }[]>`
        select conversation.id, count(*)::int as count
        from conversations as conversation
        join contacts as contact on contact.id = conversation.contact_id
        join messages as message on message.conversation_id = conversation.id
        where contact.user_id = ${`US.${user}`} and conversation.state = ${state} group by conversation.id`;
      return row !== undefined && row.count >= texts.length && row.id;
    },
    { what: `the conversation of ${user} is ${state} with its messages` },
  );
}
