import { createIdSource } from "@turno/runtime";
import { waitFor } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { leaseSends } from "../src/sending/lease-sends.ts";
import { recordOutcomes } from "../src/sending/record-outcomes.ts";
import { openWorld, requestSends, type SenderWorld } from "./fixtures/world.ts";

/** One message a minute, and so many at once after a pause. */
const BURST = 4;
const SETTINGS = {
  createId: createIdSource(),
  tokenKey: "of-the-test",
  rates: { number: { intervalMs: 60_000, burst: BURST }, pair: { intervalMs: 1, burst: 100 } },
  tryWaits: { firstMs: 60_000, maxMs: 900_000 },
  limits: { waitMsMax: 3_600_000 },
};

let world: SenderWorld;
beforeEach(async () => {
  world = await openWorld({ customers: 12 });
  await requestSends(
    world,
    world.talks.map((talk) => ({ talk })),
  );
});
afterEach(() => world.close());

const claim = (leaseMs: number) => leaseSends(world.sql, { limit: 3, leaseMs, ...SETTINGS });

it("senders that claim at once take no more together than the number's rate allows", async () => {
  const atOnce = await Promise.all([1, 2, 3].map(() => claim(60_000)));
  const later = await claim(60_000);
  const counts = [...atOnce, later].map(({ sends }) => sends.length);
  expect(counts.reduce((sum, count) => sum + count)).toBe(BURST);
  expect(later.waitMs).toBeGreaterThan(0);
});

it("the answer to a call that another call has followed changes nothing", async () => {
  const [first] = (await claim(60_000)).sends;
  const id = first?.id ?? "";
  // Its sender was given up, and another one calls now.
  await world.sql`update sends set attempt = 2 where id = ${id}`;
  const answer = (attempt: number, wamid: string) =>
    recordOutcomes(world.sql, [{ id, attempt, verdict: { kind: "accepted", wamid } }], SETTINGS);
  const read = async () => (await world.readSends()).get(id);
  expect(await answer(1, "wamid.early")).toMatchObject({ counts: { accepted: 0, ignored: 1 } });
  expect(await read()).toMatchObject({ state: "sending", wamid: null });
  expect(await answer(2, "wamid.late")).toMatchObject({ counts: { accepted: 1, ignored: 0 } });
  expect(await read()).toMatchObject({ state: "accepted", wamid: "wamid.late" });
});

it("an answer is written where its message is by now, when two contacts were joined meanwhile", async () => {
  const [first, second] = (await claim(60_000)).sends;
  const [id, otherId] = [first?.id ?? "", second?.id ?? ""];
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: locked, resolve: tell } = Promise.withResolvers<void>();
  // What a joining does: it holds the conversation, and moves its message to another one.
  const joining = world.sql.begin(async (tx) => {
    await tx`select from conversations where id = (select conversation_id from sends where id = ${id}) for update`;
    tell();
    await held;
    await tx`update sends set conversation_id = (select conversation_id from sends where id = ${otherId}) where id = ${id}`;
  });
  await locked;
  const answered = recordOutcomes(
    world.sql,
    [{ id, attempt: 1, verdict: { kind: "accepted", wamid: "wamid.moved" } }],
    SETTINGS,
  );
  await waitFor(async () => (await world.sql`select from pg_locks where not granted`).length > 0, {
    what: "the answer waits for the conversation",
  });
  release();
  await joining;
  expect(await answered).toMatchObject({ counts: { accepted: 1 } });
  const [event] = await world.sql`
    select entity_id = (select conversation_id from sends where id = ${otherId}) as "isThere" from events
    where type = 'message.accepted'`;
  expect(event).toEqual({ isThere: true });
});
