import { setClock, waitFor } from "@turno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { shareGround, requestSends, type Talk, type SenderWorld } from "./fixtures/world.ts";

const openWorld = shareGround();
let world: SenderWorld;
afterEach(() => world?.close());

const HOUR_MS = 3_600_000;
const talkAt = (index: number): Talk => {
  const talk = world.talks[index];
  if (talk === undefined) throw new Error("no such talk");
  return talk;
};
const untilSent = (ids: readonly string[]) =>
  waitFor(
    async () => {
      const rows = await world.readSends();
      return ids.every((id) => ["accepted", "sent", "delivered", "read"].includes(rows.get(id)?.state ?? ""));
    },
    { what: `${ids.length} messages are sent`, timeoutMs: 20_000 },
  );

describe("messages to customers, when the database's clock", () => {
  it.each([HOUR_MS, 25 * HOUR_MS])("is set back by %d ms, do not wait as long", async (aheadMs) => {
    world = await openWorld();
    await setClock(world, aheadMs);
    // Whatever the clock says, these customers have just written.
    await world.sql`update conversations set session_ends_at = turno_now() + interval '20 hours'`;
    const first = await world.startSender({ NUMBER_RATE_PER_SECOND: "2", PAIR_INTERVAL_MS: "500", PAIR_BURST: "2" });
    // Its rates are full, by an instant that is in the future once the clock is right.
    await untilSent(await requestSends(world, [{ talk: talkAt(0) }, { talk: talkAt(0) }, { talk: talkAt(1) }]));
    await first.kill("SIGKILL");
    const waiting = await requestSends(world, [{ talk: talkAt(0) }, { talk: talkAt(1) }, { talk: talkAt(2) }]);
    await setClock(world, 0);
    await world.startSender();
    await untilSent(waiting);
    expect(world.graph.ledger.reachedTwice()).toEqual([]);
  });

  it("is 25 h ahead for a while, are not failed by their age or their session, and go out once it is right", async () => {
    world = await openWorld();
    const ids = await requestSends(world, [{ talk: talkAt(0) }, { talk: talkAt(1) }]);
    await setClock(world, 25 * HOUR_MS);
    const sender = await world.startSender();
    await waitFor(async () => (await readMetric(sender, "turno_sender_clock_doubt")) === 1, {
      what: "the sender doubts the clock",
      timeoutMs: 20_000,
    });
    const rows = await world.readSends();
    expect(ids.map((id) => rows.get(id)?.state)).toEqual(["waiting", "waiting"]);
    await setClock(world, 0);
    await untilSent(ids);
  });
});

async function readMetric(service: { url: string }, name: string): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(name));
  return Number(line?.slice(line.lastIndexOf(" ") + 1));
}
