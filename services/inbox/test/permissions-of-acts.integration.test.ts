import { createIdSource } from "@turno/runtime";
import { createStage, stageAgent, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rowsToAsk, tokensOf, waysOf, type WayToAsk } from "./asking.ts";
import { ADMIN, BILLING, configureInbox, OPERATOR } from "./fixtures.ts";
import { startInbox } from "./http.ts";
import { LiveClient } from "./live-client.ts";
import { contactOf, HELD, HISTORY, LINKED, OTHER_ROUTES, REQUESTED, UNLINKED, VERBS } from "./matrix.ts";
import { DEACTIVATED, PERSONS, PERSON_NAMES, permittedTo, STRANGER, type Somebody } from "./standings.ts";
import { ACCOUNT_OF_TOKEN, CIRCUITS, CONFLICTS, HEARD, LETTER, LISTS, WORLD, type ListAsk } from "./shown.ts";

let stage: Stage;
let url: string;
let callers: Awaited<ReturnType<typeof tokensOf>>;
let rows: ReturnType<typeof rowsToAsk>;

beforeAll(async () => {
  stage = await createStage();
  // Nothing listens there: nothing is sent.
  const TOKEN_KEYS = `k1:${Buffer.alloc(32).toString("base64")}`;
  const graph = { GRAPH_URL: "http://127.0.0.1:9", TOKEN_KEYS };
  await Promise.all([stage.start("router"), stage.start("session-tracker"), stage.start("sender", graph)]);
  ({ url } = await startInbox(stage));
  await configureInbox(stage);
  const gone = { id: stageAgent(DEACTIVATED), name: "Gone", groupIds: [STAGE_GROUP] };
  await stage.command("configure", {
    groups: [{ id: STAGE_GROUP, name: "Support", distribution: "manual" }],
    agents: [{ id: stageAgent(PERSONS.other.index), name: "Other", role: "operator", groupIds: [BILLING] }, gone],
    channels: [{ id: stageId(3, 1), phoneNumberId: "456", accountId: "200", name: "Other", groupId: BILLING }],
  });
  await stage.command("configure", { agents: [{ ...gone, groupIds: [], active: false }] });
  await storeWorld();
  const indexes = PERSON_NAMES.map((name) => PERSONS[name].index);
  callers = await tokensOf(url, [...indexes, DEACTIVATED, STRANGER]);
  rows = rowsToAsk(stage, url);
});
afterAll(() => stage.stop());

async function storeWorld(): Promise<void> {
  const { sql } = stage;
  const conversations = JSON.stringify(
    WORLD.map(({ id, state, groupId, holder }) => ({
      id,
      contactId: contactOf(id),
      channelId: stageId(3, groupId === BILLING ? 1 : 0),
      groupId,
      agentId: holder === null ? null : stageAgent(holder),
      state: state === "offered" ? "active" : state,
      isOffered: state === "offered",
      hours: state === "expired" ? -1 : 20,
    })),
  );
  await sql`
    with given as (
      select * from json_to_recordset(${conversations}::text::json) as one(id uuid, "contactId" uuid, "channelId" uuid,
        "groupId" uuid, "agentId" uuid, state text, "isOffered" boolean, hours int)
    ), stored as (
      insert into conversations (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at,
        assigned_at, session_ends_at, check_at, offered_until, sequence)
      select id, "channelId", "contactId", "groupId", state, "agentId", now(), now(), now(),
        now() + hours * interval '1 hour', now() + interval '1 day',
        case when "isOffered" then now() + interval '1 hour' end, 1
      from given
    ) insert into contacts (id, created_at) select "contactId", now() from given`;
  await sql`
    insert into tickets (id, key, subject, body, status, created_at, changed_at, changed_by, requester_id)
    select id, id, 'Matrix', '', 'open', now(), now(), '{}', case when id = ${REQUESTED} then ${contactOf(HELD)}::uuid end
    from unnest(${[LINKED, REQUESTED, UNLINKED]}::uuid[]) as id`;
  await sql`
    insert into ticket_actions (id, key, ticket_id, kind, author, body, created_at)
    values (${HISTORY}, 'test', ${LINKED}, 'history', '{"kind":"service","name":"test"}', 'hola', now())`;
  await sql`
    update conversations set ticket_id = ${LINKED}, ticket_number = 1, ticket_link = 'confirmed' where id = ${HELD}`;
  await sql`
    insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[]', now())`;
  const [ones, others] = [0, 1].map((at) => CONFLICTS.map(({ pair }) => pair[at] ?? "")) as [string[], string[]];
  await sql`
    insert into contact_conflicts (contact_id, other_contact_id, noticed_at)
    select one, other, now() from unnest(${ones}::uuid[], ${others}::uuid[]) as pair(one, other)`;
  await sql`
    insert into dead_letters (id, key, cause, field, line, set_aside_at)
    values (${LETTER}, 'test', 'test', 'messages', '{}', now())`;
  await sql`
    insert into access_tokens (scope, key, fingerprint, key_id, sealed, set_at, set_by)
    values ('account', ${ACCOUNT_OF_TOKEN}, 'fingerprint', 'k', '', now(), '{"kind":"service","name":"cli"}')`;
  await stopSending();
}

/** Stops what each circuit is of, until somebody resets it. */
const stopSending = () => stage.sql`
  insert into circuits (scope, key, state, code, reason, opened_at, try_at)
  select scope, key, 'open', 1, 'test', now(), now() + interval '1 hour'
  from unnest(${CIRCUITS.map(({ scope }) => scope)}::text[], ${CIRCUITS.map(({ key }) => key)}::text[]) as one(scope, key)
  on conflict (scope, key) do update set state = 'open'`;

function callerOf(index: number) {
  const caller = callers.get(index);
  if (caller === undefined) throw new Error(`agent ${index} has no token`);
  return caller;
}

const waysOfList = (name: string, { ask }: ListAsk): WayToAsk[] =>
  waysOf(
    stage,
    url,
    name in VERBS ? { verb: name as keyof typeof VERBS, input: ask } : { route: name, ask: ask as never },
  );

const toMark = ({ mark }: { mark: string }) => mark;

describe("what is shown", () => {
  it.each(Object.keys(LISTS))("by %s is what the table lets each person see, whatever is asked for", async (name) => {
    const lists = LISTS[name] ?? [];
    // No list shows a conversation that it does not name.
    const marks = [...new Set([...WORLD.map(({ id }) => id), ...lists.flatMap(({ shows }) => shows.map(toMark))])];
    const look = async (list: ListAsk, way: WayToAsk, person: Somebody) => {
      const { text } = await way.ask(callerOf(PERSONS[person].index));
      const shown = list.shows.filter(({ act, to, state }) => permittedTo(act, to, state).includes(person)).map(toMark);
      const asked = `${way.name} ${JSON.stringify(list.ask)}, ${person}`;
      const say = (seen: (mark: string) => boolean) => `${asked}: ${marks.filter(seen).join(", ")}`;
      return { found: say((mark) => text.includes(mark)), wanted: say((mark) => shown.includes(mark)) };
    };
    const looks = await Promise.all(
      lists.flatMap((list) =>
        waysOfList(name, list).flatMap((way) => PERSON_NAMES.map((person) => look(list, way, person))),
      ),
    );
    expect(looks.map(({ found }) => found)).toEqual(looks.map(({ wanted }) => wanted));
    expect(looks.length).toBeGreaterThanOrEqual(PERSON_NAMES.length);
  });

  it.each(["/v1/live", "/console/live"] as const)(
    "live at %s is what the table lets each person hear",
    async (path) => {
      const clients = await Promise.all(
        PERSON_NAMES.map(async (person) => {
          const { token } = callerOf(PERSONS[person].index);
          return { person, client: await LiveClient.open(url, token ?? "", null, path) };
        }),
      );
      const createId = createIdSource();
      const events = Object.entries(HEARD).flatMap(([type, cases]) =>
        cases.map(({ entityId = HELD, data = {}, act, to }) => ({
          id: createId(),
          type,
          entityId,
          data,
          hearers: permittedTo(act, to),
        })),
      );
      // Everybody hears of itself: when that has come, all that came before it has.
      const lasts = PERSON_NAMES.map((person) => {
        const agentId = stageAgent(PERSONS[person].index);
        return { id: createId(), type: "agent.updated", entityId: agentId, data: { agentId }, person };
      });
      await writeRaw([...events, ...lasts]);
      for (const { person, client } of clients) {
        const last = lasts.find((one) => one.person === person)?.id;
        await waitFor(() => client.seen.some(({ data }) => data.id === last), { what: `${person} hears of itself` });
        const seen = new Set(client.seen.map(({ data }) => data.id));
        const heard = events.filter(({ id }) => seen.has(id)).map(({ type, data }) => [type, data]);
        const wanted = events.filter(({ hearers }) => hearers.includes(person)).map(({ type, data }) => [type, data]);
        expect(heard, person).toEqual(wanted);
      }
      await Promise.all(clients.map(({ client }) => client.close()));
      // They say nothing that their contracts ask for.
      await stage.sql`delete from events where id = any(${[...events, ...lasts].map(({ id }) => id)}::uuid[])`;
    },
  );
});

/** Writes events as they would stand after all others, with nothing that happened. */
const writeRaw = (events: readonly { id: string; type: string; entityId: string; data: object }[]) => stage.sql`
  insert into events (id, type, entity_id, sequence, phone_number_id, occurred_at, data)
  select id, type, "entityId", 1000 + ordinal + (select count(*)::int from events), '123', clock_timestamp(), data
  from rows from (json_to_recordset(${JSON.stringify(events)}::text::json) as (
    id uuid, type text, "entityId" uuid, data json)) with ordinality as one(id, type, "entityId", data, ordinal)
  order by ordinal`;

/** The rows that ask for one act with one thing. */
const ACT_ROWS = Object.entries({ ...VERBS, ...OTHER_ROUTES }).flatMap(([name, listed]) =>
  (typeof listed === "string" ? [] : listed).flatMap((row, index) =>
    "act" in row ? [{ ...row, name: `${name} ${index + 1}` }] : [],
  ),
);

describe("who may do what else", () => {
  it.each(ACT_ROWS)("$name, $act: each role and relation as the table says", async ({ name, act, to, state, told }) => {
    const may = permittedTo(act, to, state);
    const ways = rows.find((row) => row.name === name)?.ways.flat() ?? [];
    const ask = async (way: WayToAsk, index: number, person: Somebody) => {
      const { code } = await way.ask(callerOf(PERSONS[person].index));
      return `${way.name} ${index + 1}, ${person}: ${code === "not-permitted" || code === told ? "not permitted" : "permitted"}`;
    };
    const denied = PERSON_NAMES.filter((person) => !may.includes(person));
    // Who may not asks first, so that nothing has changed.
    const found = await Promise.all(ways.flatMap((way, index) => denied.map((person) => ask(way, index, person))));
    for (const [index, way] of ways.entries()) {
      for (const person of may) {
        if (name.startsWith("reset-circuit")) await stopSending();
        found.push(await ask(way, index, person));
      }
    }
    const wanted = ways.flatMap((way, index) =>
      PERSON_NAMES.map(
        (person) => `${way.name} ${index + 1}, ${person}: ${may.includes(person) ? "permitted" : "not permitted"}`,
      ),
    );
    expect(found.toSorted()).toEqual(wanted.toSorted());
    expect(ways.length).toBeGreaterThan(0);
  });
});

describe("nobody", () => {
  /** Every question there is; who has no name may ask none of them. */
  const everything = () => [
    ...rows.flatMap(({ ways }) => ways.flat()),
    ...Object.entries(LISTS).flatMap(([name, [list]]) => (list === undefined ? [] : waysOfList(name, list))),
    ...["/v1/me", "/v1/live"].flatMap((path) => waysOf(stage, url, { route: `GET ${path}`, ask: { path } })),
  ];

  const kindOf = ({ name }: WayToAsk) =>
    name.startsWith("nats ") ? "nats" : name.includes("/console") ? "console" : "http";

  it.each([
    {
      who: "without a token",
      caller: () => ({ agentId: stageAgent(0), token: null }),
      told: { nats: null, http: "not-authenticated", console: "not-authenticated" },
    },
    {
      who: "who is none of our agents",
      caller: () => callerOf(STRANGER),
      told: { nats: "not-found", http: "not-permitted", console: "not-let-in" },
    },
    {
      who: "who is deactivated",
      caller: () => callerOf(DEACTIVATED),
      told: { nats: "agent-deactivated", http: "agent-deactivated", console: "not-let-in" },
    },
  ] as const)("$who is let in anywhere, over HTTP, over NATS or in the console", async ({ caller, told }) => {
    // Over NATS it is the broker that asks for a password.
    const asked = everything().filter((way) => told[kindOf(way)] !== null);
    const answers = await Promise.all(asked.map(async (way) => `${way.name}: ${(await way.ask(caller(), HELD)).code}`));
    expect(answers).toEqual(asked.map((way) => `${way.name}: ${told[kindOf(way)]}`));
    expect(asked.length).toBeGreaterThan(Object.keys(OTHER_ROUTES).length);
  });
});

describe("what a token's owner is told of itself", () => {
  it("is in which groups it may do what", async () => {
    const [me] = waysOf(stage, url, { route: "GET /v1/me", ask: { path: "/v1/me" } });
    const scopes = async (index: number) => {
      const answer = await me?.ask(callerOf(index));
      return (JSON.parse(answer?.text ?? "{}") as { scopes: unknown }).scopes;
    };
    const own = [STAGE_GROUP];
    const ofGroup = (scope: unknown) => ({ "list-queue": scope, "start-conversation": scope });
    const nothing = { read: "none", "set-availability": "none", "join-contacts": "none" };
    expect(await scopes(0)).toEqual({ ...nothing, claim: own, ...ofGroup(own) });
    const led = (scope: unknown) => ({ read: scope, "set-availability": scope, "join-contacts": scope });
    expect(await scopes(OPERATOR)).toEqual({ ...led(own), claim: own, ...ofGroup(own) });
    expect(await scopes(ADMIN)).toEqual({ ...led("all"), claim: [], ...ofGroup("all") });
  });
});
