import type { CommandRequest } from "@turno/contracts";
import type { Identities, Inbound } from "@turno/conversation";
import { connectToDatabase, type Sql } from "@turno/database";
import { endConversation } from "@turno/inbox";
import { applyInbound, claim } from "@turno/router";
import { createIdSource } from "@turno/runtime";
import { leaseSends, recordOutcomes } from "@turno/sender";
import { startConversation, sweepDue } from "@turno/session-tracker";
import { createRandom, pick, type Random } from "@turno/simulator";
import { createTestDatabase, SERVICE_ACTOR, STAGE_GROUP, stageAgent, stageId, type TestDatabase } from "@turno/testing";
import { canonicalPhone } from "@turno/whatsapp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const createId = createIdSource();
const RACES = Number(process.env["RACES"] ?? 60);
const SEED = Number(process.env["SEED"] ?? 11);
const CONNECTIONS = 8;
const AGENTS = 4;
const CHANNEL = stageId(3);
const HOUR_MS = 3_600_000;
const NOBODY: Identities = { userId: null, parentUserId: null, phone: null, phoneKey: null };

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: CONNECTIONS, name: "first-writing" });
  await prepare();
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

/** What there is between the customer and the channel before the race. */
const BEFORE = ["nothing", "nothing", "due", "expired", "closed"] as const;
/** By what the customer is named: by its phone, its user id, or each by another, which one update then proves to be one. */
const NAMED = ["phone", "user", "both"] as const;

interface Race {
  /** Brazil's form with the ninth digit, as people give it, and without it, as Meta may. */
  phone: { given: string; metas: string };
  userId: string;
  named: (typeof NAMED)[number];
}

describe(`${RACES} races of two who write first, the customer and an expiry (seed ${SEED})`, () => {
  it("leave one contact with one open conversation, which holds what the customer wrote, and both who wrote first know it", async () => {
    const random = createRandom(SEED);
    const outcomes = new Set<string>();
    for (let number = 0; number < RACES; number++) {
      const digits = String(10_000_000 + number).slice(-8);
      const phone = { given: `+55119${digits}`, metas: `5511${digits}` };
      const race: Race = { phone, userId: `BR.race${number}`, named: pick(random, NAMED) };
      const before = pick(random, BEFORE);
      await arrange(race, before, number);
      const doings = [
        () => take(messageOf(race, `${number}`, 0)),
        () => start(race, 0, random),
        () => start(race, 1, random),
        sweep,
      ].toSorted(() => random() - 0.5);
      const answers = (await Promise.all(doings.map((run) => run()))).filter(isAnswer);
      const told = answers.map((answer) => ("code" in answer ? answer.code : "started"));
      for (const word of told) outcomes.add(word);
      expect({ number, before, named: race.named, ...(await look(race, number, answers)) }).toEqual({
        number,
        before,
        named: race.named,
        contacts: 1,
        open: 1,
        written: 1,
        unknownToStarters: 0,
      });
    }
    expect(await findFaults()).toEqual({});
    expect([...outcomes].toSorted()).toEqual(["conversation-open", "started"]);
  }, 1_200_000);
});

describe("a template that opened a conversation", () => {
  const send = async (phone: { given: string; metas: string }) => {
    const answer = await start({ phone, userId: "", named: "phone" }, 0, () => 0);
    if ("code" in answer) throw new Error(answer.message);
    return answer;
  };

  it("ends it as failed where Meta refuses it, unless the customer has written into it; then one may write first again", async () => {
    const first = { given: "+34600000001", metas: "34600000001" };
    const second = { given: "+34600000002", metas: "34600000002" };
    const [alone, answered] = await Promise.all([send(first), send(second)]);
    await take(messageOf({ phone: second, userId: "", named: "phone" }, "answers", 0));
    await refuseAll();
    const rows = await sql`
      select id, state from conversations where id = any(${[alone.conversationId, answered.conversationId]}::uuid[])`;
    expect(new Map(rows.map(({ id, state }) => [id, state]))).toEqual(
      new Map([
        [alone.conversationId, "failed"],
        [answered.conversationId, "active"],
      ]),
    );
    const [told] = await sql<{ data: object }[]>`
      select data from events where entity_id = ${alone.conversationId} and type = 'conversation.failed'`;
    expect(told?.data).toMatchObject({ sendId: alone.sendId });
    expect(told?.data).not.toHaveProperty("continuesConversationId");
    const again = await send(first);
    expect(again).toMatchObject({ contactId: alone.contactId, continuesConversationId: null });
    expect(await findFaults()).toEqual({});
  });

  it.each([
    { country: "Brazil", given: "+5521987654321", metas: "552187654321" },
    { country: "Mexico", given: "+525512345678", metas: "5215512345678" },
    { country: "Argentina", given: "+541112345678", metas: "5491112345678" },
  ])("is answered in it, whichever form of a number of $country Meta has", async (phone) => {
    const { conversationId, contactId } = await send(phone);
    await take(messageOf({ phone, userId: `AA.${phone.metas}`, named: "both" }, phone.metas, 0));
    const rows = await sql`
      select conversation_id as "conversationId", contact.id as "contactId", contact.phone, contact.user_id as "userId",
        session_ends_at > now() as "isOpen"
      from messages join contacts as contact on contact.id = contact_id
      join conversations on conversations.id = conversation_id
      where key = ${`msg:${phone.metas}`}`;
    const known = { phone: phone.metas, userId: `AA.${phone.metas}` };
    expect(rows).toEqual([{ conversationId, contactId, ...known, isOpen: true }]);
  });
});

/** What a sender does where Meta refuses everything. */
async function refuseAll(): Promise<void> {
  const unlimited = { intervalMs: 0.001, burst: 1_000_000 };
  const rates = { number: unlimited, pair: unlimited };
  const context = { createId, tokenKey: "token", tryWaits: { firstMs: 60_000, maxMs: 900_000 } };
  const limits = { waitMsMax: HOUR_MS };
  const { sends } = await leaseSends(sql, { limit: 10_000, leaseMs: 60_000, rates, limits, ...context });
  const error = { code: 131_026, class: "C", message: "refused" };
  const failure = { ...error, closesSession: false, stopsMarketing: false, templateStatus: null, stop: null };
  const verdict = { kind: "failed" as const, failure };
  const outcomes = sends.map(({ id, attempt }) => ({ id, attempt, verdict }));
  await recordOutcomes(sql, outcomes, { ...context, rates });
}

type StartOutcome = Awaited<ReturnType<typeof start>>;
const isAnswer = (answer: object): answer is StartOutcome => "sendId" in answer || "code" in answer;

async function arrange(race: Race, before: (typeof BEFORE)[number], number: number): Promise<void> {
  if (before === "nothing") return;
  // Its session is over, so it is due at once.
  await take(messageOf(race, `${number}.before`, before === "closed" ? 0 : 25 * HOUR_MS));
  if (before === "expired") await sweep();
  if (before !== "closed") return;
  const [row] = await sql<{ id: string }[]>`
    select conversation_id as id from messages where key = ${`msg:${number}.before`}`;
  const own = { actor: SERVICE_ACTOR, conversationId: row?.id ?? "" };
  await claim(sql, { ...own, agentId: stageAgent(3) }, createId);
  await endConversation(sql, own, "closed", createId);
}

function facesOf({ phone, userId, named }: Race): Identities {
  const byPhone = { phone: phone.metas, phoneKey: canonicalPhone(phone.metas) };
  if (named === "phone") return { ...NOBODY, ...byPhone };
  return named === "user" ? { ...NOBODY, userId } : { ...NOBODY, userId, ...byPhone };
}

function messageOf(race: Race, name: string, agoMs: number): Inbound {
  const now = new Date();
  const sentAt = new Date(now.getTime() - agoMs);
  const origin = { key: `msg:${name}`, field: "messages", line: "{}", receivedAt: now };
  const place = { accountId: "100", phoneNumberId: "123", sentAt, content: "{}", text: "hola" };
  const effect = { opensConversation: true, renewsSession: true, profile: { name: null, username: null } };
  return { ...origin, ...place, ...effect, kind: "interaction", type: "text", identities: facesOf(race) };
}

const take = (item: Inbound) => applyInbound(sql, { reader: null, moves: [], items: [item], createId });
const sweep = () => sweepDue(sql, { warningMinutes: [], limit: 100, createId, mayTrust: () => true });

function start({ phone, userId, named }: Race, index: number, random: Random) {
  const isByPhone = named === "phone" || (named === "both" && index === 0);
  const to = isByPhone ? { phone: pick(random, [phone.given, phone.metas]) } : { userId };
  const message: CommandRequest<"start-conversation">["message"] = {
    type: "template",
    name: "hello",
    language: "es",
    components: [],
  };
  const ask = { actor: SERVICE_ACTOR, agentId: stageAgent(index), channelId: CHANNEL, to, message, force: false };
  return startConversation(sql, ask, { createId, readTemplates: () => Promise.resolve() });
}

/** Counts what came of one race. */
async function look({ phone, userId }: Race, number: number, answers: readonly StartOutcome[]) {
  const [row] = await sql<{ contacts: number; open: string[]; written: number }[]>`
    with own as (
      select distinct contact_id as id from contact_identities
      where (kind, value) in (('phone', ${canonicalPhone(phone.metas)}), ('user', ${userId}))
    ), open as (
      select id from conversations where contact_id in (select id from own) and state in ('queued', 'active')
    )
    select (select count(*)::int from own) as contacts, array(select id from open) as open,
      (select count(*)::int from messages where key = ${`msg:${number}`} and conversation_id in (
        select id from open)) as written`;
  const open = row?.open ?? [];
  const led = await Promise.all(answers.map((answer) => leadsTo(answer, open)));
  const unknownToStarters = led.filter((isKnown) => !isKnown).length;
  return { contacts: row?.contacts, open: open.length, written: row?.written, unknownToStarters };
}

/** Whether who wrote first, or was refused, was told of the open conversation, or of one that has gone on in it. */
async function leadsTo(answer: StartOutcome, open: readonly string[]): Promise<boolean> {
  const told = "code" in answer ? String(answer.details?.["conversationId"]) : answer.conversationId;
  const later = await sql<{ id: string | null }[]>`
    select joined_into_id as id from conversations where id = ${told}
    union all select id from conversations where id = ${told}
    union all select id from conversations where continues_conversation_id = ${told}
    -- What was due when it was named expired right after: the customer's own message opened the next one.
    union all select next.id from conversations as named join conversations as next
      on next.contact_id = named.contact_id and next.opened_at > named.opened_at
    where named.id = ${told} and named.state = 'expired' and named.session_ends_at < now()`;
  return later.some(({ id }) => id !== null && open.includes(id));
}

async function prepare(): Promise<void> {
  await sql`insert into groups (id, name, distribution, closing_needs_ticket) values (${STAGE_GROUP}, 'Support', 'manual', false)`;
  for (let index = 0; index < AGENTS; index++) {
    await sql`insert into agents (id, name, role, availability) values (${stageAgent(index)}, 'Agent', 'agent', 'available')`;
    await sql`insert into group_members (group_id, agent_id) values (${STAGE_GROUP}, ${stageAgent(index)})`;
  }
  await sql`insert into channels (id, phone_number_id, account_id, name, group_id)
    values (${CHANNEL}, '123', '100', 'Main', ${STAGE_GROUP})`;
  await sql`insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[]', now())`;
  // The routers' watermark: here everything that arrives takes effect at once.
  await sql`insert into log_positions (consumer, shard, partition, stream_id, sequence, watermark_at)
    values ('router', '0', 0, '', 0, 'infinity')`;
}

/** Counts of what must not be after all races, by name; empty where every invariant holds. */
async function findFaults(): Promise<Record<string, number>> {
  const [row] = await sql<Record<string, number>[]>`
    select
      (select count(*)::int from (
        select from conversations where state in ('queued', 'active') group by contact_id, channel_id having count(*) > 1
      ) as twice) as "twoOpenConversations",
      (select count(*)::int from conversations join contacts on contacts.id = contact_id
        where contacts.joined_into_id is not null) as "conversationsOfJoined",
      (select count(*)::int from conversations where (state = 'active') <> exists (
        select from assignments where conversation_id = conversations.id and ended_at is null)) as "assignedWrongly",
      (select count(*)::int from agents where active_count <> (
        select count(*) from conversations where agent_id = agents.id and state = 'active')) as "miscountedAgents",
      (select count(*)::int from conversations where sequence <> (
        select count(*) from events where entity_id = conversations.id)) as "gapsInEvents",
      (select count(*)::int from contacts where not exists (
        select from contact_identities where contact_id = coalesce(joined_into_id, contacts.id))) as "unreachableContacts",
      (select count(*)::int from sends where kind = 'template' and not exists (
        select from messages where key = 'send:' || sends.id)) as "unwrittenTemplates"`;
  return Object.fromEntries(Object.entries(row ?? {}).filter(([, count]) => count !== 0));
}
