import { AWAY_CHOICES, requeueCause, type HeldSince, type PresenceRule, type RequeueLimits } from "@turno/conversation";
import { connectToDatabase, readClock, type Sql } from "@turno/database";
import { createIdSource } from "@turno/runtime";
import { createRandom } from "@turno/simulator";
import { createTestDatabase, stageId, type TestDatabase } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { requeueDue } from "../src/assignment/requeue-due.ts";

const SEED = Number(process.env["SEED"] ?? 20_261_128);
const createId = createIdSource();
const PRESENCE: readonly PresenceRule[] = ["required", "counted", "ignored"];
const SESSION_MS = 24 * 3_600_000;

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 4, name: "test" });
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

interface Held extends HeldSince, RequeueLimits {
  id: string;
  agentId: string;
  groupId: string;
}

/**
 * Each conversation has a group and an agent of its own. Limits lie between the ages, a minute from each, so that the time
 * that the test takes changes nothing.
 */
function createHeld(count: number, now: Date): Held[] {
  const random = createRandom(SEED);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);
  const age = () => pick([0, 200, 400, 600, 800]);
  const limit = () => pick([0, 300, 500]);
  return Array.from({ length: count }, () => ({
    id: createId(),
    agentId: createId(),
    groupId: createId(),
    assignedAt: ago(age()),
    offeredUntil: random() < 0.7 ? null : ago(pick([-300, 100])),
    waitingNotedAt: random() < 0.4 ? null : ago(age()),
    wroteAt: random() < 0.1 ? null : ago(age()),
    awaySince: random() < 0.5 ? null : ago(age()),
    presentUntil: random() < 0.3 ? null : ago(pick([-400, 200, 400, 600, 800])),
    presence: pick(PRESENCE),
    whenAway: pick(AWAY_CHOICES),
    firstAnswerSeconds: limit(),
    answerSeconds: limit(),
    absentRequeueSeconds: limit(),
  }));
}

async function store(held: readonly Held[]): Promise<void> {
  const rows = JSON.stringify(
    held.map(({ wroteAt, ...one }) => ({
      ...one,
      endsAt: wroteAt === null ? null : new Date(wroteAt.getTime() + SESSION_MS),
    })),
  );
  const given = sql`json_to_recordset(${rows}::text::json) as one(
    id uuid, "agentId" uuid, "groupId" uuid, "assignedAt" timestamptz, "offeredUntil" timestamptz, "waitingNotedAt" timestamptz, "endsAt" timestamptz,
    "awaySince" timestamptz, "presentUntil" timestamptz, presence text, "whenAway" text, "firstAnswerSeconds" int,
    "answerSeconds" int, "absentRequeueSeconds" int)`;
  await sql`
    insert into groups (id, name, distribution, needs_presence, counts_presence, when_away, first_answer_seconds,
      answer_seconds, absent_requeue_seconds)
    select "groupId", 'G', 'manual', presence = 'required', presence <> 'ignored', "whenAway", "firstAnswerSeconds",
      "answerSeconds", "absentRequeueSeconds" from ${given}`;
  await sql`insert into channels (id, phone_number_id, name, group_id) values (${stageId(3)}, '1', 'C', ${held[0]?.groupId ?? ""})`;
  await sql`
    insert into agents (id, name, role, availability, away_since, present_until, active_count)
    select "agentId", 'A', 'agent', case when "awaySince" is null then 'available' else 'away' end, "awaySince",
      "presentUntil", 1 from ${given}`;
  await sql`insert into contacts (id, created_at) select id, now() from ${given}`;
  await sql`
    insert into conversations (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, assigned_at,
      offered_until, waiting_since, waiting_noted_at, session_ends_at, check_at, sequence)
    select id, ${stageId(3)}, id, "groupId", 'active', "agentId", "assignedAt", "assignedAt", "assignedAt",
      "offeredUntil", "waitingNotedAt", "waitingNotedAt", "endsAt", "assignedAt", 1 from ${given}`;
}

it(`what a look finds is what the rule sends back, so that nothing hides what is due (seed ${SEED})`, async () => {
  const now = await sql.begin((tx) => readClock(tx));
  const held = createHeld(600, now);
  await store(held);
  const due = held.filter((one) => requeueCause(one, one, now) !== null).map(({ id }) => id);
  expect(due.length).toBeGreaterThan(50);
  expect(due.length).toBeLessThan(550);
  // One at a time: a look that found something else would end the loop before all have gone back.
  for (const _ of due) expect(await requeueDue(sql, { limit: 1, createId })).toBe(1);
  expect(await requeueDue(sql, { limit: 1, createId })).toBe(0);
  const queued = await sql<{ id: string }[]>`select id from conversations where state = 'queued' order by id`;
  expect(queued.map(({ id }) => id)).toEqual(due.toSorted());
  // Nobody has let lapse what waits for no answer.
  const lapsed = await sql`
    select from conversations where waiting_since is null and lapsed_agent_ids <> '{}'`;
  expect(lapsed).toHaveLength(0);
}, 90_000);
