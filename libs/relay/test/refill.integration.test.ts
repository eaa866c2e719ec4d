import { STREAMS } from "@turno/contracts";
import { refillOutbox } from "../src/refill.ts";
import { waitFor } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createRelayStage, type RelayTestStage } from "./fixtures/relay-stage.ts";

let stage: RelayTestStage;
beforeEach(async () => {
  stage = await createRelayStage();
});
afterEach(() => stage.stop());

const isRefillBlocked = async () => {
  const [row] = await stage.sql`
    select from pg_stat_activity where wait_event_type = 'Lock' and query like '%delete from outbox%'`;
  return row !== undefined;
};

it("what happens while a piece is queued once more stands in the outbox once", async () => {
  await stage.happen(10, 5);
  const refill = { after: 0, to: 1_000 };
  let refilling: Promise<unknown> = Promise.resolve();
  await stage.sql.begin(async (holding) => {
    await holding`select from outbox for update`;
    refilling = refillOutbox(stage.sql, { stream: STREAMS.events, refill, limit: 1_000, present: new Set() });
    await waitFor(isRefillBlocked, { what: "the refill is under way" });
    await stage.happen(10, 5);
  });
  await refilling;
  const rows = await stage.sql`select position from outbox cross join unnest(positions) as waiting(at) order by at`;
  expect(rows).toHaveLength(20);
});
