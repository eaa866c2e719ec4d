import { CONVERSATION_PERMISSIONS, STATES, type State } from "@turno/conversation";
import { createStage, stageAgent, STAGE_GROUP, stageId, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rowsToAsk, tokensOf, type WayToAsk } from "./asking.ts";
import { BILLING, configureInbox, OPERATOR, OUTSIDER, ADMIN } from "./fixtures.ts";
import { startInbox } from "./http.ts";
import { contactOf, LINKED, OTHER_ROUTES, VERBS } from "./matrix.ts";
import { PERSONS, PERSON_NAMES, relationsTo, type Somebody } from "./standings.ts";

let stage: Stage;
let callers: Awaited<ReturnType<typeof tokensOf>>;
let ways: Map<string, WayToAsk[][]>;

beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  const inbox = await startInbox(stage);
  await configureInbox(stage);
  // Nothing but what a cell asks for may move a conversation.
  await stage.command("configure", {
    groups: [
      {
        id: STAGE_GROUP,
        name: "Support",
        distribution: "manual",
        closingNeedsTicket: false,
        agentsMayCloseAsSpam: true,
      },
    ],
    agents: [{ id: stageAgent(PERSONS.other.index), name: "Other", role: "operator", groupIds: [BILLING] }],
  });
  await stage.sql`
    insert into tickets (id, key, subject, body, status, created_at, changed_at, changed_by)
    values (${LINKED}, 'test', 'Matrix', '', 'open', now(), now(), '{}')`;
  await stage.sql`
    insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[]', now())`;
  // Each row has a conversation of its own, and none makes an agent's count wrong for another.
  await stage.sql`update agents set active_count = 1000`;
  await stage.sql`
    with stored as (
      insert into conversations (id, channel_id, contact_id, group_id, state, opened_at, queued_at, check_at, sequence)
      select id, ${stageId(3)}, contact, ${STAGE_GROUP}, 'closed', now(), now(), now() + interval '1 day', 1
      from unnest(${ROWS.map(({ id }) => id)}::uuid[], ${ROWS.map(({ id }) => contactOf(id))}::uuid[]) as one(id, contact)
      returning id, contact_id
    ), written as (
      insert into messages (id, key, conversation_id, contact_id, direction, kind, sent_at, received_at, payload)
      select id, 'msg:wamid.' || id, id, contact_id, 'in', 'text', now(), now(), '{"text":{"body":"hola"}}' from stored
    ) insert into contacts (id, created_at) select contact_id, now() from stored`;
  callers = await tokensOf(
    inbox.url,
    PERSON_NAMES.map((name) => PERSONS[name].index),
  );
  ways = new Map(rowsToAsk(stage, inbox.url).map((row) => [row.name, row.ways]));
});
afterAll(() => stage.stop());

/** Every row that asks for an act with a conversation, and the conversation that it is asked with. */
const ROWS = Object.entries({ ...VERBS, ...OTHER_ROUTES })
  .flatMap(([name, rows]) =>
    (typeof rows === "string" ? [] : rows).flatMap((row, index) =>
      "cells" in row ? [{ name: `${name} ${index + 1}`, act: row.cells }] : [],
    ),
  )
  .map((row, index) => ({ ...row, id: stageId(7, index + 1) }));

/** Who has the conversation (null: nobody), and who then asks. */
const HOLDERS: { holder: number | null; askers: Somebody[] }[] = [
  { holder: 0, askers: ["agent", "colleague", "outsider", "operator", "other", "admin"] },
  // Given to an agent of another group, to an operator and to an admin.
  { holder: OUTSIDER, askers: ["outsider"] },
  { holder: OPERATOR, askers: ["operator"] },
  { holder: ADMIN, askers: ["admin"] },
  { holder: null, askers: ["colleague", "outsider", "operator", "other", "admin"] },
];

/** Nobody has what waits, and somebody what is active. */
const canBe = (state: State, holder: number | null) =>
  state === "queued" ? holder === null : (state !== "active" && state !== "offered") || holder !== null;

/** Puts a conversation into a state with its agent, and a proposed ticket link. */
async function arrange(id: string, state: State, holder: number | null): Promise<void> {
  const agentId = holder === null ? null : stageAgent(holder);
  const isExpired = state === "expired" || state === "continued";
  const isOffered = state === "offered";
  const endsAt = new Date(Date.now() + (isExpired ? -1 : 1) * 3_600_000);
  await stage.sql.begin(async (tx) => {
    const isOfIt = tx`conversation_id in (select id from conversations where contact_id = ${contactOf(id)})`;
    await Promise.all([
      tx`delete from assignments where ${isOfIt}`,
      tx`delete from ticket_histories where ${isOfIt}`,
      // What a template has opened would be gone on with.
      tx`delete from conversations where contact_id = ${contactOf(id)} and id <> ${id}`,
      tx`
        update conversations set state = ${isExpired ? "expired" : isOffered ? "active" : state},
          offered_until = ${isOffered ? endsAt : null}, agent_id = ${agentId}, group_id = ${STAGE_GROUP},
          assigned_at = now(), session_ends_at = ${endsAt}, requeued_from_agent_id = null, ticket_id = ${LINKED},
          ticket_number = 1, ticket_link = 'proposed'
        where id = ${id}`,
      // Whom it was taken from would be told so, and not that it may not.
      tx`update events set entity_id = gen_random_uuid() where entity_id = ${id} and type = 'conversation.transferred'`,
      ...(state === "continued"
        ? [
            tx`
              insert into conversations (id, channel_id, contact_id, group_id, state, opened_at, queued_at, check_at,
                continues_conversation_id, sequence)
              select gen_random_uuid(), channel_id, contact_id, group_id, 'closed', now(), now(), now(), id, 0
              from conversations where id = ${id}`,
          ]
        : []),
      ...(state === "active" || isOffered
        ? [
            tx`
              insert into assignments (id, conversation_id, group_id, agent_id, assigned_at, reason)
              values (gen_random_uuid(), ${id}, ${STAGE_GROUP}, ${agentId}, now(),
                '{"rule":"claim","turn":null,"candidates":[],"leftOut":[]}')`,
          ]
        : []),
    ]);
  });
}

const readConversation = async (id: string) =>
  JSON.stringify(
    await stage.sql`select state, agent_id, group_id, ticket_link, offered_until, sequence from conversations
      where contact_id = ${contactOf(id)} order by id`,
  );

interface CellAsk {
  name: string;
  wanted: string | null;
  ask: () => Promise<string | null>;
}

/** Everything that is asked in one state with one holder. Who may not claim for want of membership, may not claim. */
function asksOf(row: (typeof ROWS)[number], state: State, { holder, askers }: (typeof HOLDERS)[number]): CellAsk[] {
  const { by, code } = CONVERSATION_PERMISSIONS[row.act].cells[state];
  return askers.flatMap((asker) => {
    const caller = callers.get(PERSONS[asker].index);
    if (caller === undefined) throw new Error(`${asker} has no token`);
    const relations = relationsTo(asker, holder === null ? null : stageAgent(holder), [STAGE_GROUP]);
    const isTold = by.some((relation) => relations.includes(relation));
    // A route gives the very command that goes over NATS: it is asked where something can be done.
    const asked = (ways.get(row.name) ?? []).flat().filter(({ name }) => code === null || !name.startsWith("http "));
    return asked.map(({ name, ask }, index) => ({
      name: `${name} ${index + 1}, ${state}, ${holder === null ? "nobody's" : `of ${holder}`}: ${asker}`,
      wanted: isTold ? code : "not-permitted",
      ask: async () => {
        const found = await ask(caller, row.id);
        return found.code === "not-a-member" ? "not-permitted" : found.code;
      },
    }));
  });
}

/** Asks all that is to be refused at once, which must change nothing; then one after the other what is to be done. */
async function askAll(id: string, asks: readonly CellAsk[], arranged: () => Promise<void>): Promise<string[]> {
  await arranged();
  let before = await readConversation(id);
  const refused = await Promise.all(
    asks.filter(({ wanted }) => wanted !== null).map(async ({ name, ask }) => `${name} ${await ask()}`),
  );
  if ((await readConversation(id)) !== before) throw new Error(`refused, but changed: ${refused.join("; ")}`);
  const done: string[] = [];
  for (const { name, ask } of asks.filter(({ wanted }) => wanted === null)) {
    done.push(`${name} ${await ask()}`);
    if ((await readConversation(id)) === before) continue;
    await arranged();
    before = await readConversation(id);
  }
  return [...refused, ...done];
}

describe("who may do what with a conversation", () => {
  it.each(ROWS)("$name, $act: each role, relation and state as the table says, and no more", async (row) => {
    const found: string[] = [];
    const wanted: string[] = [];
    // A page of the console says in words why something is refused: there it is asked where it can be done.
    const isPage = row.name.includes("/console/");
    const { cells } = CONVERSATION_PERMISSIONS[row.act];
    const states = STATES.filter((state) => !isPage || cells[state].code === null).slice(0, isPage ? 1 : undefined);
    for (const state of states) {
      for (const held of HOLDERS.filter(({ holder }) => canBe(state, holder))) {
        const asks = asksOf(row, state, held);
        found.push(...(await askAll(row.id, asks, () => arrange(row.id, state, held.holder))));
        wanted.push(...asks.map((ask) => `${ask.name} ${ask.wanted}`));
      }
    }
    expect(found.toSorted()).toEqual(wanted.toSorted());
    expect(wanted.length).toBeGreaterThanOrEqual(isPage ? 5 : 65);
  });
});
