import { configureStage, createStage, stageAgent, shiftClock, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const HOUR_MS = 60 * 60 * 1000;
/** Until the first of many is due: longer than it takes to insert them. */
const LEAD_MS = Number(process.env["DUE_LEAD_MS"] ?? 1_000);

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
});
afterEach(() => stage.stop());

const count = async (where: string, table = "conversations") =>
  (await stage.sql.unsafe<{ count: number }[]>(`select count(*)::int as count from ${table} where ${where}`))[0]
    ?.count ?? -1;
const from = (index: number, sentAt = new Date()) => ({ id: `wamid.${index}`, userId: `US.${index}`, sentAt });

describe("expiry", () => {
  it("expires active and queued conversations at their instant, warns before, and frees the agents' places", async () => {
    await Promise.all([stage.start("router"), stage.start("session-tracker", { WARNING_MINUTES: "60,15" })]);
    await configureStage(stage, { agents: 1, capacity: 2 });
    await stage.publish([from(1), from(2), from(3)]);
    await waitFor(async () => (await count("state = 'active'")) === 2 && (await count("state = 'queued'")) === 1, {
      what: "two are active and one waits",
    });
    await shiftClock(stage, 24 * HOUR_MS - 30 * 60_000);
    await waitFor(async () => (await count("type = 'conversation.expiring'", "events")) === 3, {
      what: "warnings went out",
    });
    expect(await count("state = 'expired'")).toBe(0);
    await shiftClock(stage, 24 * HOUR_MS);
    await waitFor(async () => (await count("state = 'expired'")) === 3, { what: "all three are expired" });
    expect(await count("type = 'conversation.expired'", "events")).toBe(3);
    expect(await count("active_count <> 0", "agents")).toBe(0);
    expect(await count("ended_at is null", "assignments")).toBe(0);

    await stage.publish([{ ...from(4), sentAt: new Date(Date.now() + 24 * HOUR_MS) }]);
    await waitFor(async () => (await count(`state = 'active' and agent_id = '${stageAgent(0)}'`)) === 1, {
      what: "a freed place is given again",
    });
  });

  it("is put off by what the customer writes, but by nothing late", async () => {
    await Promise.all([stage.start("router"), stage.start("session-tracker")]);
    await configureStage(stage, { agents: 1 });
    await stage.publish([from(1), from(2)]);
    await waitFor(async () => (await count("state = 'active'")) === 2, { what: "both are active" });
    const later = new Date(Date.now() + 10 * HOUR_MS);
    await shiftClock(stage, 11 * HOUR_MS);
    await stage.publish([
      { id: "wamid.later", userId: "US.1", sentAt: later },
      { id: "wamid.late", userId: "US.2", sentAt: new Date(Date.now() - HOUR_MS) },
    ]);
    await waitFor(async () => (await count("true", "messages")) === 4, { what: "both have taken effect" });
    await shiftClock(stage, 25 * HOUR_MS);
    await waitFor(async () => (await count("state = 'expired'")) === 1, { what: "the one without news is expired" });
    const [active] = await stage.sql<{ ends: Date }[]>`
      select session_ends_at as ends from conversations where state = 'active'`;
    expect(active?.ends.getTime()).toBe(Math.floor(later.getTime() / 1000) * 1000 + 24 * HOUR_MS);
  });

  it("expires nobody who wrote while the router was down for an hour", async () => {
    const router = await stage.start("router", { LEASE_MS: "1000" });
    const tracker = await stage.start("session-tracker");
    await configureStage(stage, { agents: 1 });
    await stage.publish([from(1), from(2)]);
    await waitFor(async () => (await count("state = 'active'")) === 2, { what: "both are active" });
    await shiftClock(stage, 23.5 * HOUR_MS);
    await waitFor(() => watermarkReached(23.5 * HOUR_MS), { what: "the watermark stands at 23.5 hours" });
    await router.stop();
    await stage.publish([{ id: "wamid.news", userId: "US.1", sentAt: new Date(Date.now() + 23.6 * HOUR_MS) }]);
    await shiftClock(stage, 24.5 * HOUR_MS);
    const sweeps = await countSweeps(tracker.url);
    await waitFor(async () => (await countSweeps(tracker.url)) >= sweeps + 3, {
      what: "the tracker looked three times",
    });
    expect(await count("check_at <= turno_now()")).toBe(2);
    expect(await count("state = 'expired'")).toBe(0);

    await stage.start("router", { LEASE_MS: "1000" });
    await waitFor(async () => (await count("state = 'expired'")) === 1, { what: "the silent one is expired" });
    const [active] = await stage.sql<{ userId: string }[]>`
      select contacts.user_id as "userId" from conversations join contacts on contacts.id = contact_id
      where state = 'active'`;
    expect(active?.userId).toBe("US.1");
  });

  it("expires each of many due at once exactly once, with three trackers of which two are killed", async ({
    annotate,
  }) => {
    const total = Number(process.env["DUE"] ?? 3_000);
    await stage.start("router");
    const trackers = await Promise.all([1, 2, 3].map(() => stage.start("session-tracker")));
    await configureStage(stage, { agents: 10 });
    await insertDue(total, Number(process.env["DUE_SPAN_MS"] ?? 3_000));
    await waitFor(async () => (await count("state = 'expired'")) > total / 20, {
      what: "expiry is under way",
      timeoutMs: LEAD_MS + 60_000,
    });
    await Promise.all(trackers.slice(0, 2).map((tracker) => tracker.kill("SIGKILL")));
    await waitFor(async () => (await count("state = 'expired'")) === total, {
      what: "all are expired",
      timeoutMs: 180_000,
    });
    expect(await count("type = 'conversation.expired'", "events")).toBe(total);
    const [late] = await stage.sql<{ p50: number; p99: number }[]>`
      select percentile_cont(0.5) within group (order by lateness)::int as p50,
        percentile_cont(0.99) within group (order by lateness)::int as p99
      from (
        select extract(epoch from occurred_at - (data->>'expiredAt')::timestamptz) * 1000 as lateness
        from events where type = 'conversation.expired'
      ) as expiry`;
    await annotate(`${total} conversations: half within ${late?.p50} ms of their instant, 99 % within ${late?.p99} ms`);
    expect(await count("active_count <> 0", "agents")).toBe(0);
  }, 300_000);

  it("finds what is due by an index, at a cost that does not grow with what is not", async ({ annotate }) => {
    await stage.start("router");
    await configureStage(stage, { agents: 10 });
    const sizes = (process.env["NOT_DUE"] ?? "1000,20000").split(",").map(Number);
    const blocks: number[] = [];
    let inserted = 0;
    for (const size of sizes) {
      for (; inserted < size; inserted += Math.min(100_000, size - inserted)) {
        await insertDue(Math.min(100_000, size - inserted), 1_000, 20 * HOUR_MS);
      }
      await stage.sql`vacuum analyze conversations`;
      const plan = await explainDue();
      expect(plan.text).toContain("conversations_check_at_idx");
      blocks.push(plan.blocks);
      await annotate(`${size} not due: ${plan.blocks} blocks read, ${plan.ms} ms`);
    }
    expect(Math.max(...blocks)).toBeLessThanOrEqual(Math.min(...blocks) + 3);
  }, 600_000);
});

async function countSweeps(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^turno_tracker_sweeps_total\{.*\} (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
}

/** The plan of the tracker's look for what is due, as the running service makes it. */
async function explainDue(): Promise<{ text: string; blocks: number; ms: number }> {
  const [row] = await stage.sql<{ "QUERY PLAN": [{ Plan: Record<string, number>; "Execution Time": number }] }[]>`
    explain (analyze, buffers, format json)
    select id, agent_id from conversations
    where state in ('queued', 'active') and check_at <= ${new Date()} order by check_at limit ${500}`;
  const [plan] = row?.["QUERY PLAN"] ?? [];
  if (plan === undefined) throw new Error("no plan");
  const blocks = (plan.Plan["Shared Hit Blocks"] ?? 0) + (plan.Plan["Shared Read Blocks"] ?? 0);
  return { text: JSON.stringify(plan), blocks, ms: plan["Execution Time"] };
}

async function watermarkReached(shiftMs: number): Promise<boolean> {
  const [row] = await stage.sql<{ isReached: boolean }[]>`
    select min(watermark_at) >= clock_timestamp() + ${shiftMs - 2_000} * interval '1 millisecond' as "isReached" from log_positions`;
  return row?.isReached === true;
}

/** Active conversations whose 24 hours end at instants spread over the coming `spanMs`. */
async function insertDue(total: number, spanMs: number, leadMs = LEAD_MS): Promise<void> {
  await stage.sql`
    with contact as (
      insert into contacts (id, created_at)
      select gen_random_uuid(), now() from generate_series(1, ${total}::int) returning id
    ), numbered as (
      select id, row_number() over () as number from contact
    )
    insert into conversations
      (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, session_ends_at, check_at, sequence)
    select gen_random_uuid(), channels.id, numbered.id, channels.group_id, 'active', agent.id, now() - interval '1 day',
      now() - interval '1 day', due.at, due.at, 1
    from numbered cross join channels cross join lateral (
      select now() + ${leadMs}::float8 * interval '1 millisecond' + ${spanMs}::float8 * numbered.number / ${total}::float8 * interval '1 millisecond' as at
    ) as due
    join lateral (select id from agents order by id offset numbered.number % 10 limit 1) as agent on true`;
  await stage.sql`
    update agents set active_count = (select count(*) from conversations where agent_id = agents.id and state = 'active')`;
}
