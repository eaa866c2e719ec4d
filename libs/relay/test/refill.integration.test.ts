import { STREAMS } from "@turno/contracts";
import { provisionStream, EVENTS_STREAM } from "@turno/messaging";
import { refillOutbox } from "../src/refill.ts";
import { readFirstPosition } from "../src/relay-state.ts";
import { waitFor } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createRelayStage, faultsOf, type RelayTestStage } from "./fixtures/relay-stage.ts";

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

const HOUR_MS = 3_600_000;

/** An id of so much earlier or later, as if a host's clock had been wrong when it was made. */
const shifted = (byMs: number) => `(lpad(to_hex(
    ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint + ${byMs}), 12, '0')
  || substr(replace(id::text, '-', ''), 13))::uuid`;

const shiftIds = (byMs: number, where: string) =>
  stage.sql.unsafe(`update events set id = ${shifted(byMs)} where ${where}`);

it("a stream that was lost is filled from its oldest event on, though a host's clock was an hour back in between", async () => {
  const relay = await stage.startRelay();
  await stage.happen(300);
  await stage.untilPublished();
  await stage.stopRelay(relay);
  await shiftIds(-HOUR_MS, "position between 150 and 160");
  await (await stage.connection.nats.jetstreamManager()).streams.delete(STREAMS.events);
  await provisionStream(stage.connection, EVENTS_STREAM);
  await stage.startRelay();
  await stage.happen(10);
  await stage.untilPublished();
  expect(faultsOf(await stage.readNumbers(), 310)).toEqual([]);
});

it("finds the oldest event from an instant on by position, whatever some clocks said", async () => {
  await stage.happen(2_000);
  const [row] = await stage.sql.unsafe<{ since: string; first: number }[]>(`
    select ${shifted(-2 * HOUR_MS)} as since, position as first from events order by position offset 700 limit 1`);
  const { since, first } = row ?? { since: "", first: -1 };
  await shiftIds(-40 * 24 * HOUR_MS, `position < ${first}`);
  expect(await readFirstPosition(stage.sql, since)).toBe(first);
  await shiftIds(-50 * 24 * HOUR_MS, `position in (${first + 400}, ${first + 401})`);
  await shiftIds(-HOUR_MS, `position between ${first + 800} and ${first + 1_200}`);
  expect(await readFirstPosition(stage.sql, since)).toBe(first);
  // One that was written with a clock ahead only lets more be published again.
  await shiftIds(90 * 24 * HOUR_MS, `position = ${first - 300}`);
  expect(await readFirstPosition(stage.sql, since)).toBeLessThanOrEqual(first);
  await shiftIds(-400 * 24 * HOUR_MS, "true");
  expect(await readFirstPosition(stage.sql, since)).toBeNull();
});
