import { configureStage, createStage, waitFor, type Stage } from "@turno/testing";
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";

/** Of an advisory lock that nothing else takes. */
const GATE = 4_711;

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
});
afterEach(() => stage.stop());

const countMessages = async () =>
  (await stage.sql<{ count: number }[]>`select count(*)::int as count from messages`)[0]?.count ?? -1;

it("refuses the commit of a router whose partitions went to another one while its batch was under way", async () => {
  const router = await stage.start("router");
  await configureStage(stage, { agents: 1 });
  const other = randomUUID();
  // A batch stands still before it moves its positions, as that of a router that is paused there.
  await stage.sql.unsafe(`
    create function stand_still() returns trigger language plpgsql as $$
      begin
        if current_query() like '%as move(%' then perform pg_advisory_xact_lock_shared(${GATE}); end if;
        return null;
      end $$;
    create trigger stand_still before update on log_positions for each statement execute function stand_still()`);
  const gate = await stage.sql.reserve();
  await gate`select pg_advisory_lock(${GATE})`;
  await stage.publish([{ id: "wamid.1", userId: "US.1" }]);
  await waitFor(
    async () =>
      (await stage.sql`select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`)
        .length > 0,
    { what: "the batch is under way", timeoutMs: 20_000 },
  );
  await stage.sql`insert into log_readers (consumer, shard, owner, lease_until)
    values ('router', '0', ${other}, clock_timestamp() + interval '1 hour')`;
  await stage.sql`update log_positions set owner = ${other}`;
  await gate`select pg_advisory_unlock(${GATE})`;
  gate.release();
  await waitFor(() => router.logs().some((line) => line.includes("belong to another reader")), {
    what: "the router says that its commit was refused",
    timeoutMs: 30_000,
  });
  expect(await countMessages()).toBe(0);
  expect(await stage.sql`select from log_positions where sequence > 0`).toHaveLength(0);

  await stage.sql`delete from log_readers where owner = ${other}`;
  await waitFor(async () => (await countMessages()) === 1, {
    what: "the message takes effect once the partitions are free",
    timeoutMs: 30_000,
  });
}, 90_000);
