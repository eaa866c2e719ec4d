import { COMMANDS, type CommandRequest } from "@turno/contracts";
import type { Inbound } from "@turno/conversation";
import { connectToDatabase, type Sql } from "@turno/database";
import { endConversation } from "@turno/inbox";
import {
  accept,
  applyInbound,
  assignQueued,
  blockContact,
  closeAsSpam,
  configure,
  decline,
  requeueDue,
  setAvailability,
  transfer,
  unblockContact,
} from "@turno/router";
import { createIdSource } from "@turno/runtime";
import { leaseSends, failLapsed, recordOutcomes } from "@turno/sender";
import { requestSend, startConversation, sweepDue } from "@turno/session-tracker";
import { createRandom, type Random } from "@turno/simulator";
import { createTestDatabase, SERVICE_ACTOR, STAGE_GROUP, stageAgent, stageId, type TestDatabase } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFaultsOfInterleavings } from "./interleaved-faults.ts";
import { everyNameOf, interleavedMessage, interleavedNotice, interleavedVerdict } from "./interleaved-updates.ts";

const createId = createIdSource();
const RUNS = Number(process.env["RUNS"] ?? 25);
const SEED = Number(process.env["SEED"] ?? 7);
const CONNECTIONS = 8;
const STEPS = 4;
const AGENTS = 4;
/** How long before the end of the session free form stops. */
const MARGIN_MINUTES = 1;

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: CONNECTIONS, name: "interleavings" });
  await prepare();
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

describe(`${RUNS} runs of racing interleavings on ${CONNECTIONS} connections (seed ${SEED})`, () => {
  it("keep every invariant: one open conversation, one agent, one continuation, no late send, no gap in events", async () => {
    const random = createRandom(SEED);
    for (let run = 0; run < RUNS; run++) {
      // In every other run the group offers first.
      await sql`update groups set offer_seconds = ${run % 2 === 0 ? 0 : 1_200}`;
      const workers = Array.from({ length: CONNECTIONS }, () => createRandom(Math.floor(random() * 2 ** 31)));
      await Promise.all(workers.map((own, worker) => work(own, run, worker, BY_DAY)));
      await advance(random, 24 * 60);
      await sweep();
      await Promise.all(
        workers.map((own, worker) => work(own, run, CONNECTIONS + worker, run % 2 === 0 ? AFTER_EXPIRY : ALL_REFUSED)),
      );
      const isLook = run % 25 === 24 || run === RUNS - 1;
      expect({ run, faults: isLook ? await findFaultsOfInterleavings(sql) : {} }).toEqual({ run, faults: {} });
    }
    const [reached] = await sql<{ states: string[]; kinds: string[] }[]>`
      select array(select distinct state from conversations) as states, array(select distinct type from events) as kinds`;
    expect(reached?.states).toEqual(expect.arrayContaining(["closed", "expired", "failed"]));
    expect(reached?.kinds).toEqual(
      expect.arrayContaining([
        "conversation.reopened",
        "conversation.started",
        "conversation.failed",
        "conversation.expired",
        "conversation.joined",
        "contact.joined",
        "contact.blocked",
        "conversation.accepted",
        "message.failed",
      ]),
    );
  }, 1_200_000);
});

/** Shares of what a worker does, how many of its messages are templates, and how many Meta refuses. */
const BY_DAY = {
  write: 0.28,
  notice: 0.02,
  offer: 0.05,
  start: 0.04,
  send: 0.2,
  settle: 0.1,
  sweep: 0.1,
  end: 0.06,
  disturb: 0.03,
  move: 0.1,
  flip: 0.1,
  templates: 0.3,
  refused: 0.4,
};
const AFTER_EXPIRY = {
  write: 0.05,
  notice: 0.01,
  offer: 0.02,
  start: 0.06,
  send: 0.4,
  settle: 0.3,
  sweep: 0.06,
  end: 0.06,
  disturb: 0.03,
  move: 0.04,
  flip: 0.04,
  templates: 0.85,
  refused: 0.4,
};
/** Of a customer who is silent and whom Meta does not reach, so that conversations fail in every run of the test. */
const ALL_REFUSED = { ...AFTER_EXPIRY, write: 0.02, send: 0.3, settle: 0.4, refused: 1 };

/** One conversation partner a run, so that all connections race for the same rows. */
async function work(random: Random, run: number, worker: number, shares: typeof BY_DAY): Promise<void> {
  for (let step = 0; step < STEPS; step++) {
    const [target] = await sql<{ id: string }[]>`
      select conversations.id from conversations
      where contact_id in (select contact_id from contact_identities where value = any(${everyNameOf(run)}))
      order by random() limit 1`;
    const agent = stageAgent(Math.floor(random() * AGENTS));
    const id = target?.id ?? stageId(9);
    const doings: [number, () => Promise<unknown>][] = [
      [target === undefined ? 1 : shares.write, () => write(random, run, `${run}.${worker}.${step}`)],
      [shares.notice, () => changeId(run, `${run}.${worker}.${step}`)],
      [shares.send, () => send(random, id, agent, shares.templates)],
      [shares.start, () => writeFirst(random, run, agent)],
      [shares.settle, () => settle(random, shares.refused)],
      [shares.sweep, sweep],
      [shares.end, () => end(random, id)],
      [shares.disturb, () => disturb(random, id)],
      [shares.move, () => move(random, id, agent)],
      [shares.offer, () => answerOffer(random, id)],
      [shares.flip, () => flip(random, agent)],
    ];
    let left = random();
    const doing = doings.find(([share]) => (left -= share) < 0) ?? [0, () => advance(random, 60 * random())];
    await doing[1]();
    await assignQueued(sql, STAGE_GROUP, createId);
  }
}

const write = async (random: Random, run: number, name: string) =>
  take(interleavedMessage(random, run, name, await readNow()));
const changeId = async (run: number, name: string) => take(interleavedNotice(run, name, await readNow()));
const take = (item: Inbound) => applyInbound(sql, { reader: null, moves: [], items: [item], createId });

async function readNow(): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select turno_now() as now`;
  return row?.now ?? new Date();
}

/** Every template that is asked for is known. */
const noLists = () => Promise.resolve();

async function send(random: Random, conversationId: string, agentId: string, templates: number): Promise<void> {
  const message: CommandRequest<"send">["message"] =
    random() < templates
      ? { type: "template", name: "hello", language: "es", components: [] }
      : { type: "text", body: "hola", previewUrl: false };
  await requestSend(
    sql,
    { actor: SERVICE_ACTOR, agentId, conversationId, message, force: false },
    { createId, readTemplates: noLists },
  );
}

/** Somebody writes first, to a name of the customer that may not be known yet. */
async function writeFirst(random: Random, run: number, agentId: string): Promise<void> {
  const [userId, , phone] = everyNameOf(run);
  const to = random() < 0.5 ? { userId } : { phone };
  const message = { type: "template" as const, name: "hello", language: "es", components: [] };
  const ask = { actor: SERVICE_ACTOR, agentId, channelId: stageId(3), to, message, force: false };
  await startConversation(sql, ask, { createId, readTemplates: noLists });
}

/** What a sender does: claims what waits, and writes what Meta said. */
async function settle(random: Random, refused: number): Promise<void> {
  const unlimited = { intervalMs: 0.001, burst: 1_000_000 };
  const rates = { number: unlimited, pair: unlimited };
  // The clock of a run jumps by hours; what waited through a jump is not what is asked about here.
  const limits = { waitMsMax: 30 * 24 * 3_600_000 };
  const context = { createId, tokenKey: "token", tryWaits: { firstMs: 60_000, maxMs: 900_000 } };
  const { sends, lapsedIds } = await leaseSends(sql, { limit: 5, leaseMs: 60_000, rates, limits, ...context });
  await failLapsed(sql, lapsedIds, { ...context, limits, mayTrust: () => true });
  const outcomes = sends.map(({ id, attempt }) => ({ id, attempt, verdict: interleavedVerdict(random, id, refused) }));
  await recordOutcomes(sql, outcomes, { ...context, rates });
}

const sweep = () => sweepDue(sql, { warningMinutes: [60, 15], limit: 100, createId, mayTrust: () => true });

async function end(random: Random, conversationId: string): Promise<void> {
  const ending = random() < 0.5 ? "closed" : "finalised";
  await endConversation(sql, { actor: SERVICE_ACTOR, conversationId }, ending, createId);
}

/** Somebody ends it as spam, blocks its contact, or thinks better of it. */
async function disturb(random: Random, conversationId: string): Promise<void> {
  const share = random();
  const actor = SERVICE_ACTOR;
  if (share < 0.4) {
    await closeAsSpam(sql, { actor, conversationId, block: share < 0.15 }, createId);
    return;
  }
  const [row] = await sql<{ id: string }[]>`select contact_id as id from conversations where id = ${conversationId}`;
  const contactId = row?.id ?? stageId(9);
  if (share < 0.6) await blockContact(sql, { actor, contactId, reason: "spam" }, createId);
  else await unblockContact(sql, { actor, contactId }, createId);
}

async function move(random: Random, conversationId: string, agentId: string): Promise<void> {
  const to = random() < 0.5 ? { agentId } : { groupId: STAGE_GROUP };
  await transfer(sql, { actor: SERVICE_ACTOR, conversationId, to, force: random() < 0.3 }, createId);
}

/** Who is offered the conversation takes it or not, and what nobody took in time goes back. */
async function answerOffer(random: Random, conversationId: string): Promise<void> {
  const [held] = await sql<{ agentId: string }[]>`
    select agent_id as "agentId" from conversations where id = ${conversationId} and agent_id is not null`;
  const ask = { actor: SERVICE_ACTOR, conversationId, agentId: held?.agentId ?? stageAgent(0) };
  const share = random();
  if (share < 0.5) await accept(sql, ask, createId);
  else if (share < 0.75) await decline(sql, ask, createId);
  else await requeueDue(sql, { limit: 50, createId });
}

async function flip(random: Random, agentId: string): Promise<void> {
  if (random() < 0.3) return deactivate(random, agentId);
  const availability = random() < 0.2 ? "away" : "available";
  await setAvailability(sql, { actor: SERVICE_ACTOR, agentId, availability }, createId);
}

/** Deactivates an agent and gives what it has to the queue or to somebody else; or reactivates it. */
async function deactivate(random: Random, id: string): Promise<void> {
  const isActive = random() < 0.6;
  const other = stageAgent(Math.floor(random() * AGENTS));
  const handOver = isActive || other === id || random() < 0.5 ? {} : { handOverTo: other };
  const agent = { id, name: "Agent", role: "agent" as const, capacity: null, active: isActive, ...handOver };
  const groupIds = isActive ? [STAGE_GROUP] : [];
  const agents = [{ ...agent, groupIds, force: random() < 0.5 }];
  await configure(sql, COMMANDS.configure.request.parse({ actor: SERVICE_ACTOR, agents }), createId);
}

async function advance(random: Random, minutes: number): Promise<void> {
  // Now and then to an instant just before or after a whole day, or the margin before it, where ends are met from both sides.
  const endMinutes = 24 * 60 - (random() < 0.5 ? MARGIN_MINUTES : 0);
  const exact = random() < 0.2 ? endMinutes - random() / 60 : minutes;
  await sql`update test_clock set ahead = ahead + ${exact} * interval '1 minute'`;
}

async function prepare(): Promise<void> {
  await sql`create table test_clock (ahead interval not null)`;
  await sql`insert into test_clock values ('0')`;
  await sql.unsafe(`create or replace function turno_now() returns timestamptz language sql volatile
    as 'select turno_clock() + ahead from test_clock'`);
  await sql`insert into groups (id, name, distribution, closing_needs_ticket) values (${STAGE_GROUP}, 'Support', 'automatic', false)`;
  for (let index = 0; index < AGENTS; index++) {
    await sql`insert into agents (id, name, role, availability) values (${stageAgent(index)}, 'Agent', 'agent', 'available')`;
    await sql`insert into group_members (group_id, agent_id) values (${STAGE_GROUP}, ${stageAgent(index)})`;
  }
  await sql`insert into channels (id, phone_number_id, account_id, name, group_id)
    values (${stageId(3)}, '123', '100', 'Main', ${STAGE_GROUP})`;
  await sql`insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[]', now())`;
  // The routers' watermark: here everything that arrives takes effect at once.
  await sql`insert into log_positions (consumer, shard, partition, stream_id, sequence, watermark_at)
    values ('router', '0', 0, '', 0, 'infinity')`;
}
