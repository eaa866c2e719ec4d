import { PERMISSIONS, type Act, type Relation } from "@turno/conversation";
import { createStage, stageAgent, STAGE_GROUP, stageId, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADMIN, BILLING, byAgent, configureInbox, openConversation, OPERATOR, OUTSIDER } from "./fixtures.ts";
import { startInbox, type TestCaller } from "./http.ts";

const OTHER_OPERATOR = 51;
const PEOPLE = { agent: 0, colleague: 1, outsider: OUTSIDER, operator: OPERATOR, other: OTHER_OPERATOR, admin: ADMIN };
type Person = keyof typeof PEOPLE;
const PEOPLE_NAMES = Object.keys(PEOPLE) as Person[];

const [LINKED, UNLINKED] = [stageId(5, 1), stageId(5, 2)];
const NOBODY = stageId(9);

let stage: Stage;
let conversationId: string;
const callers = new Map<number, TestCaller>();

beforeAll(async () => {
  stage = await createStage();
  // Nothing listens there: nothing is sent.
  const graph = { GRAPH_URL: "http://127.0.0.1:9", WHATSAPP_ACCESS_TOKEN: "token" };
  await Promise.all([stage.start("router"), stage.start("session-tracker"), stage.start("sender", graph)]);
  const inbox = await startInbox(stage);
  await configureInbox(stage);
  await stage.command("configure", {
    agents: [{ id: stageAgent(OTHER_OPERATOR), name: "Other", role: "operator", groupIds: [BILLING] }],
  });
  conversationId = await openConversation(stage, "a");
  await stage.sql`
    insert into tickets (id, key, subject, body, status, created_at, changed_at, changed_by)
    select id, id, 'Matrix', '', 'open', now(), now(), '{}' from unnest(${[LINKED, UNLINKED]}::uuid[]) as id`;
  await stage.sql`
    update conversations set ticket_id = ${LINKED}, ticket_number = 1, ticket_link = 'confirmed'
    where id = ${conversationId}`;
  for (const index of Object.values(PEOPLE)) callers.set(index, await inbox.as(index));
});
afterAll(() => stage.stop());

/** How each person stands to something of agent 0, to something of its group, and to what is of no group. */
const TO_AGENT: Record<Person, Relation[]> = {
  agent: ["owner", "member"],
  colleague: ["member"],
  outsider: [],
  operator: ["member", "operator"],
  other: [],
  admin: ["admin"],
};
const TO_GROUP: typeof TO_AGENT = { ...TO_AGENT, agent: ["member"] };
const TO_NO_GROUP: typeof TO_AGENT = {
  ...TO_GROUP,
  outsider: ["member"],
  other: ["member", "operator"],
};

/** Returns the code of a refusal, or null. */
type Ask = (asker: number) => Promise<string | null>;
type Command = Parameters<Stage["request"]>;

function request(verb: Command[0], input: object): Ask {
  return async (asker) => {
    const reply = await stage.request(verb, { ...input, actor: byAgent(asker) });
    if (!("refusal" in reply)) return null;
    // What is not understood asks nobody's permission.
    if (reply.refusal.code === "invalid") throw new Error(reply.refusal.message);
    return reply.refusal.code;
  };
}

const agentId = stageAgent(0);
/** Stops what the circuit is of, until somebody resets it. */
const stopSending = (scope: string, key: string) => stage.sql`
  insert into circuits (scope, key, state, code, reason, opened_at, try_at)
  values (${scope}, ${key}, 'open', 1, 'test', now(), now() + interval '1 hour')
  on conflict (scope, key) do update set state = 'open'`;
const reset =
  (scope: string, key: string): Ask =>
  async (asker) => {
    await stopSending(scope, key);
    return request("reset-circuit", { scope, key })(asker);
  };
const read =
  (path: string): Ask =>
  async (asker) => {
    const answer = await callers.get(asker)?.get(path);
    return answer?.status === 200 ? null : String(answer?.body["code"]);
  };

/** What is asked for each act, and how people stand to what it is about. What is heard live has tests of its own. */
const CASES: Record<Exclude<Act, "hear" | "hear-queue">, { asks: Ask[]; to: typeof TO_AGENT }[]> = {
  "set-availability": [{ asks: [request("set-availability", { agentId, availability: "away" })], to: TO_AGENT }],
  heartbeat: [{ asks: [request("heartbeat", { agentId })], to: TO_AGENT }],
  "claim-for": [
    {
      asks: [
        (asker) => request("claim", { agentId, conversationId })(asker),
        request("claim-next", { agentId, groupId: STAGE_GROUP }),
      ],
      to: TO_AGENT,
    },
  ],
  "send-for": [
    {
      asks: [
        (asker) => {
          const message = { type: "text", body: "hola" };
          return request("send", { conversationId, agentId: stageAgent(OUTSIDER), message })(asker);
        },
      ],
      to: TO_AGENT,
    },
  ],
  "list-queue": [{ asks: [request("list-queue", { groupId: STAGE_GROUP })], to: TO_GROUP }],
  "list-receivers": [{ asks: [read("/v1/receivers")], to: TO_NO_GROUP }],
  "list-templates": [{ asks: [request("list-templates", { channelId: stageId(3) })], to: TO_NO_GROUP }],
  "read-tickets": [
    {
      asks: [
        request("search-tickets", { text: "matrix" }),
        request("read-ticket", { ticket: { id: LINKED } }),
        request("read-ticket-action", { ticket: { id: LINKED }, actionId: NOBODY }),
      ],
      to: TO_NO_GROUP,
    },
  ],
  "edit-ticket": [
    { asks: [request("edit-ticket", { ticket: { id: LINKED }, status: "solved" })], to: TO_AGENT },
    { asks: [request("edit-ticket", { ticket: { id: UNLINKED }, status: "solved" })], to: TO_NO_GROUP },
  ],
  "join-contacts": [
    {
      asks: [
        async (asker) => {
          const [row] = await stage.sql<{ contactId: string }[]>`
            select contact_id as "contactId" from conversations where id = ${conversationId}`;
          return request("join-contacts", { contactId: row?.contactId, otherId: NOBODY })(asker);
        },
      ],
      to: TO_GROUP,
    },
    { asks: [request("list-contact-conflicts", {})], to: TO_NO_GROUP },
  ],
  "list-circuits": [{ asks: [request("list-circuits", {})], to: TO_NO_GROUP }],
  "reset-circuit": [
    {
      asks: [reset("number", "123"), reset("account", "100")],
      to: TO_GROUP,
    },
  ],
  "reset-token": [{ asks: [reset("token", "token")], to: TO_NO_GROUP }],
  configure: [{ asks: [request("configure", {})], to: TO_NO_GROUP }],
  "dead-letters": [
    {
      asks: [
        request("list-dead-letters", {}),
        request("retry-dead-letter", { id: NOBODY }),
        request("discard-dead-letter", { id: NOBODY }),
      ],
      to: TO_NO_GROUP,
    },
  ],
};

describe("who may do what else", () => {
  it.each(Object.keys(CASES) as (keyof typeof CASES)[])("%s: each role and relation as the table says", async (act) => {
    const by: readonly Relation[] = PERMISSIONS[act].by;
    for (const [index, { asks, to }] of CASES[act].entries()) {
      for (const ask of asks) {
        const permitted: Person[] = [];
        for (const person of PEOPLE_NAMES) {
          if ((await ask(PEOPLE[person])) !== "not-permitted") permitted.push(person);
        }
        const expected = PEOPLE_NAMES.filter((person) => by.some((relation) => to[person].includes(relation)));
        expect(permitted, `${act}, ${index}`).toEqual(expected);
      }
    }
  });

  it("a stop is shown to who leads a group that it stops, a token's to every operator", async () => {
    const seen = async (asker: number) => {
      const reply = await stage.request("list-circuits", { actor: byAgent(asker) });
      return "ok" in reply ? reply.circuits.map(({ scope }) => scope).toSorted() : [];
    };
    await stopSending("number", "123");
    await stopSending("token", "token");
    await stage.sql`update circuits set state = 'closed' where scope = 'account'`;
    expect(await Promise.all([OPERATOR, OTHER_OPERATOR, ADMIN].map(seen))).toEqual([
      ["number", "token"],
      ["token"],
      ["number", "token"],
    ]);
  });
});

describe("what a token's owner is told of itself", () => {
  it("is in which groups it may do what", async () => {
    const scopes = async (index: number) => (await callers.get(index)?.get("/v1/me"))?.body["scopes"];
    const own = [STAGE_GROUP];
    const nothing = { read: "none", "set-availability": "none", "join-contacts": "none" };
    expect(await scopes(0)).toEqual({ ...nothing, claim: own, "list-queue": own });
    const led = (scope: unknown) => ({ read: scope, "set-availability": scope, "join-contacts": scope });
    expect(await scopes(OPERATOR)).toEqual({ ...led(own), claim: own, "list-queue": own });
    expect(await scopes(ADMIN)).toEqual({ ...led("all"), claim: [], "list-queue": "all" });
  });
});
