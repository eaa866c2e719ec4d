import { CONVERSATION_PERMISSIONS, STATES, type ConversationAct, type Relation, type State } from "@turno/conversation";
import { createStage, stageAgent, STAGE_GROUP, stageId, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
  await stage.sql`
    insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[]', now())`;
  for (const index of [0, 1, OPERATOR, OTHER_OPERATOR, ADMIN, OUTSIDER]) callers.set(index, await inbox.as(index));
});
afterAll(() => stage.stop());

/** A person, which agent has the conversation (null: nobody), and how the person then stands to it. */
interface Case {
  name: string;
  asker: number;
  holder: number | null;
  relations: Relation[];
}

const CASES: Case[] = [
  { name: "an agent's own", asker: 0, holder: 0, relations: ["owner", "member"] },
  { name: "another agent's of an agent's group", asker: 1, holder: 0, relations: ["member"] },
  { name: "another group's for an agent", asker: OUTSIDER, holder: 0, relations: [] },
  { name: "another group's, given to an agent", asker: OUTSIDER, holder: OUTSIDER, relations: ["owner"] },
  { name: "an operator's own", asker: OPERATOR, holder: OPERATOR, relations: ["owner", "member", "operator"] },
  { name: "an agent's of an operator's group", asker: OPERATOR, holder: 0, relations: ["member", "operator"] },
  { name: "another group's for an operator", asker: OTHER_OPERATOR, holder: 0, relations: [] },
  { name: "an admin's own", asker: ADMIN, holder: ADMIN, relations: ["owner", "admin"] },
  { name: "anybody's for an admin", asker: ADMIN, holder: 0, relations: ["admin"] },
  { name: "nobody's of an agent's group", asker: 1, holder: null, relations: ["taker", "member"] },
  { name: "nobody's of another group", asker: OUTSIDER, holder: null, relations: [] },
  {
    name: "nobody's of an operator's group",
    asker: OPERATOR,
    holder: null,
    relations: ["taker", "member", "operator"],
  },
  { name: "nobody's for an admin", asker: ADMIN, holder: null, relations: ["admin"] },
];

/** Nobody has what waits, and somebody what is active. */
const canBe = (state: State, holder: number | null) =>
  state === "queued" ? holder === null : (state !== "active" && state !== "offered") || holder !== null;

type Ask = (caller: TestCaller, path: string) => Promise<InboxAnswer>;
const ticket = { ticket: { id: ticketId } };
const to = { groupId: stageId(1, 1) };
const post =
  (verb: string, body: object = {}): Ask =>
  (caller, path) =>
    caller.post(`${path}/${verb}`, body);
const get =
  (what: string): Ask =>
  (caller, path) =>
    caller.get(`${path}${what}`);

const ASKS: Record<ConversationAct, Ask[]> = {
  read: [get(""), get("/messages"), get("/timeline")],
  "explain-assignment": [get("/assignments")],
  "explain-waiting": [get("/waiting")],
  accept: [post("accept")],
  decline: [post("decline")],
  claim: [post("claim")],
  send: [post("messages", { message: { type: "text", body: "hola" } })],
  "ticket-link": [
    post("ticket-link/propose", ticket),
    post("ticket-link/confirm"),
    post("ticket-link/reject"),
    post("ticket-link", ticket),
    post("ticket", { subject: "New" }),
  ],
  close: [post("close")],
  transfer: [post("transfer", { to })],
  "force-transfer": [post("transfer", { to, force: true })],
  template: [post("messages", { message: { type: "template", name: "hello", language: "es" } })],
  receipt: [post("read", { messageId: "wamid.a.0" })],
  finalise: [post("finalise")],
};

/** Puts the one conversation into a state with its agent, and a proposed ticket link. */
async function arrange(state: State, holder: number | null): Promise<void> {
  const agentId = holder === null ? null : stageAgent(holder);
  const isExpired = state === "expired" || state === "continued";
  const isOffered = state === "offered";
  const endsAt = new Date(Date.now() + (isExpired ? -1 : 1) * 3_600_000);
  await stage.sql.begin(async (tx) => {
    // What a template has opened would be gone on with.
    await tx`delete from conversations where id <> ${conversationId}`;
    await tx`
      update conversations set state = ${isExpired ? "expired" : isOffered ? "active" : state},
        offered_until = ${isOffered ? endsAt : null}, agent_id = ${agentId}, group_id = ${STAGE_GROUP},
        assigned_at = now(), session_ends_at = ${endsAt}, requeued_from_agent_id = null, ticket_id = ${ticketId}, ticket_number = 1,
        ticket_link = 'proposed'
      where id = ${conversationId}`;
    await tx`update agents set active_count = 0`;
    await tx`delete from assignments`;
    await tx`delete from ticket_histories`;
    // Whom it was taken from would be told so, and not that it may not.
    await tx`update events set entity_id = gen_random_uuid() where type = 'conversation.transferred'`;
    if (state === "continued") {
      await tx`
        insert into conversations (id, channel_id, contact_id, group_id, state, opened_at, queued_at, check_at,
          continues_conversation_id, sequence)
        select gen_random_uuid(), channel_id, contact_id, group_id, 'closed', now(), now(), now(), id, 0
        from conversations where id = ${conversationId}`;
    }
    if (state !== "active" && !isOffered) return;
    await tx`update agents set active_count = 1 where id = ${agentId}`;
    await tx`
      insert into assignments (id, conversation_id, group_id, agent_id, assigned_at, reason)
      values (gen_random_uuid(), ${conversationId}, ${STAGE_GROUP}, ${agentId}, now(), '{"rule":"claim","turn":null,"candidates":[],"leftOut":[]}')`;
  });
}

const readState = async () =>
  (await stage.sql`select state, agent_id, ticket_link, sequence from conversations where id = ${conversationId}`)[0];

/** Returns null where it was done, else why not. Whom an agent may not claim for, for want of membership, may not claim. */
async function askFor(ask: Ask, asker: number): Promise<string | null> {
  const caller = callers.get(asker);
  if (caller === undefined) throw new Error("the asker has no token");
  const before = await readState();
  const { status, body } = await ask(caller, `/v1/conversations/${conversationId}`);
  if (status === 200) return null;
  if (JSON.stringify(await readState()) !== JSON.stringify(before)) throw new Error("refused, but changed");
  return body["code"] === "not-a-member" ? "not-permitted" : String(body["code"]);
}

const ROWS = Object.entries(CONVERSATION_PERMISSIONS).flatMap(([act, { cells }]) =>
  ASKS[act as ConversationAct].map((ask, index) => ({ name: `${act} ${index + 1}`, ask, cells })),
);

describe("who may do what with a conversation", () => {
  it.each(ROWS)("$name: each role, relation and state as the table says, and no more", async ({ ask, cells }) => {
    const found: string[] = [];
    const wanted: string[] = [];
    for (const { name, asker, holder, relations } of CASES) {
      for (const state of STATES.filter((one) => canBe(one, holder))) {
        await arrange(state, holder);
        found.push(`${name}, ${state}: ${await askFor(ask, asker)}`);
        const { by, code } = cells[state];
        const isTold = by.some((relation) => relations.includes(relation));
        wanted.push(`${name}, ${state}: ${isTold ? code : "not-permitted"}`);
      }
    }
    expect(found).toEqual(wanted);
    expect(found).toHaveLength(61);
  });
});
