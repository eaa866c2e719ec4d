import { createStage, stageAgent, STAGE_GROUP, stageId, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectedOutcome, PERMISSION_TABLE, STATES, type Standing, type State } from "../src/http/permission-table.ts";
import { ADMIN, configureInbox, openConversation, OPERATOR, OUTSIDER } from "./fixtures.ts";
import { startInbox, type InboxAnswer, type TestCaller } from "./http.ts";

const OTHER_OPERATOR = 51;
const ticketId = stageId(5);

let stage: Stage;
let conversationId: string;
const callers = new Map<number, TestCaller>();

beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  const inbox = await startInbox(stage);
  await configureInbox(stage);
  await stage.command("configure", {
    agents: [{ id: stageAgent(OTHER_OPERATOR), name: "Other", role: "operator", groupIds: [stageId(1, 1)] }],
  });
  conversationId = await openConversation(stage, "a");
  // Nothing but what a cell asks for may move the conversation.
  await stage.command("configure", {
    groups: [{ id: STAGE_GROUP, name: "Support", distribution: "manual", closingNeedsTicket: false }],
  });
  await stage.sql`
    insert into tickets (id, key, subject, body, status, created_at, changed_at, changed_by)
    values (${ticketId}, 'test', 'Matrix', '', 'open', now(), now(), '{}')`;
  for (const index of [0, 1, OPERATOR, OTHER_OPERATOR, ADMIN, OUTSIDER]) callers.set(index, await inbox.as(index));
});
afterAll(() => stage.stop());

/** A person, which agent has the conversation, and how the person then stands to it. */
interface Relation {
  name: string;
  asker: number;
  holder: number;
  standings: Standing[];
}

const RELATIONS: Relation[] = [
  { name: "an agent's own", asker: 0, holder: 0, standings: ["owner", "member"] },
  { name: "another agent's of an agent's group", asker: 1, holder: 0, standings: ["member"] },
  { name: "another group's for an agent", asker: OUTSIDER, holder: 0, standings: [] },
  { name: "an operator's own", asker: OPERATOR, holder: OPERATOR, standings: ["owner", "member", "operator"] },
  { name: "an agent's of an operator's group", asker: OPERATOR, holder: 0, standings: ["member", "operator"] },
  { name: "another group's for an operator", asker: OTHER_OPERATOR, holder: 0, standings: [] },
  { name: "an admin's own", asker: ADMIN, holder: ADMIN, standings: ["owner", "admin"] },
  { name: "anybody's for an admin", asker: ADMIN, holder: 0, standings: ["admin"] },
];

type Ask = (caller: TestCaller, path: string) => Promise<InboxAnswer>;
const message = { message: { type: "text", body: "hola" } };
const ticket = { ticket: { id: ticketId } };

const ASKS: Record<string, Ask> = {
  "read it": (caller, path) => caller.get(path),
  "read its messages": (caller, path) => caller.get(`${path}/messages`),
  "read its timeline": (caller, path) => caller.get(`${path}/timeline`),
  "see why this agent": (caller, path) => caller.get(`${path}/assignments`),
  "see why it waits": (caller, path) => caller.get(`${path}/waiting`),
  "claim it": (caller, path) => caller.post(`${path}/claim`),
  "transfer it": (caller, path) => caller.post(`${path}/transfer`, { to: { groupId: stageId(1, 1) } }),
  "force a transfer": (caller, path) =>
    caller.post(`${path}/transfer`, { to: { groupId: stageId(1, 1) }, force: true }),
  "send a message": (caller, path) => caller.post(`${path}/messages`, message),
  "propose a ticket link": (caller, path) => caller.post(`${path}/ticket-link/propose`, ticket),
  "confirm a ticket link": (caller, path) => caller.post(`${path}/ticket-link/confirm`),
  "reject a ticket link": (caller, path) => caller.post(`${path}/ticket-link/reject`),
  "link a ticket": (caller, path) => caller.post(`${path}/ticket-link`, ticket),
  "make a ticket": (caller, path) => caller.post(`${path}/ticket`, { subject: "New" }),
  "close it": (caller, path) => caller.post(`${path}/close`),
  "finalise it": (caller, path) => caller.post(`${path}/finalise`),
};

/** Puts the one conversation into a state with its agent, and a proposed ticket link. */
async function arrange(state: State, holder: number): Promise<void> {
  const agentId = state === "queued" ? null : stageAgent(holder);
  const endsAt = new Date(Date.now() + (state === "expired" ? -1 : 1) * 3_600_000);
  await stage.sql.begin(async (tx) => {
    await tx`
      update conversations set state = ${state}, agent_id = ${agentId}, group_id = ${STAGE_GROUP},
        assigned_at = now(), session_ends_at = ${endsAt}, requeued_from_agent_id = null, ticket_id = ${ticketId}, ticket_number = 1,
        ticket_link = 'proposed'
      where id = ${conversationId}`;
    await tx`update agents set active_count = 0`;
    await tx`delete from assignments`;
    await tx`delete from ticket_histories`;
    // Whom it was taken from would be told so, and not that it may not.
    await tx`update events set entity_id = gen_random_uuid() where type = 'conversation.transferred'`;
    if (state !== "active") return;
    await tx`update agents set active_count = 1 where id = ${agentId}`;
    await tx`
      insert into assignments (id, conversation_id, group_id, agent_id, assigned_at, reason)
      values (gen_random_uuid(), ${conversationId}, ${STAGE_GROUP}, ${agentId}, now(), '{"rule":"claim","turn":null,"candidates":[],"leftOut":[]}')`;
  });
}

const readState = async () =>
  (await stage.sql`select state, agent_id, ticket_link, sequence from conversations where id = ${conversationId}`)[0];

describe("who may do what", () => {
  it("has a request for each verb of the table", () => {
    expect(Object.keys(ASKS)).toEqual(Object.keys(PERMISSION_TABLE));
  });

  it.each(Object.keys(PERMISSION_TABLE))(
    "%s: each role, relation and state as the table says, and no more",
    async (verb) => {
      const found: string[] = [];
      const wanted: string[] = [];
      for (const { name, asker, holder, standings } of RELATIONS) {
        for (const state of STATES) {
          // Nobody has a conversation that waits.
          if (state === "queued" && standings.includes("owner")) continue;
          await arrange(state, holder);
          const before = await readState();
          const caller = callers.get(asker);
          if (caller === undefined) throw new Error("the asker has no token");
          const answer = await ASKS[verb]?.(caller, `/v1/conversations/${conversationId}`);
          if (answer === undefined) throw new Error("the verb has no request");
          const { status, body } = answer;
          const code = status === 200 ? null : String(body["code"]);
          const outcome = code === "not-a-member" ? "not-permitted" : code;
          found.push(`${name}, ${state}: ${outcome}`);
          wanted.push(`${name}, ${state}: ${expectedOutcome(verb, state, standings)}`);
          const isChanged = JSON.stringify(await readState()) !== JSON.stringify(before);
          if (status !== 200 && isChanged) throw new Error(`refused, but changed: ${name}, ${state}`);
        }
      }
      expect(found).toEqual(wanted);
      expect(found).toHaveLength(RELATIONS.length * STATES.length - 3);
    },
  );
});
