import { keepCopy, waitFor } from "@turno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { openWorld, requestSends, type Talk, type SenderWorld } from "./fixtures/world.ts";

let world: SenderWorld;
afterEach(() => world?.close());

const talkAt = (index: number): Talk => {
  const talk = world.talks[index];
  if (talk === undefined) throw new Error("no such talk");
  return talk;
};
const stateOf = async (id: string | undefined) => (await world.readSends()).get(id ?? "")?.state;
const untilState = (id: string | undefined, state: string) =>
  waitFor(async () => (await stateOf(id)) === state, { what: `the message is ${state}`, timeoutMs: 20_000 });

describe("a database restored to a copy in which messages wait that were sent since", () => {
  it("sends none of them twice: what a status tells of is settled by it, the rest is shown as unknown", async () => {
    world = await openWorld({ graph: { statuses: { readShare: 0, skipDeliveredShare: 0, stepMsMax: 50 } } });
    const first = await world.startSender();
    // The sender has read the status lane before the copy is made.
    await waitFor(
      async () =>
        (await world.sql`select from log_positions where consumer = 'sender' and watermark_at is not null`).length ===
        64,
      { what: "the statuses are followed" },
    );
    await first.stop();
    const [told, untold] = await requestSends(world, [{ talk: talkAt(0) }, { talk: talkAt(1) }]);
    const goBack = await keepCopy(world.sql);
    world.graph.fail({ fault: { kind: "no-statuses" }, when: ({ callbackData }) => callbackData === untold });
    const second = await world.startSender();
    await untilState(told, "delivered");
    await untilState(untold, "accepted");
    const [newer] = await requestSends(world, [{ talk: talkAt(2) }]);
    await untilState(newer, "delivered");
    await world.graph.drain();

    await goBack({ beginsTimeline: true });
    expect(await second.exited).toMatchObject({ code: 1 });
    expect(second.logs().join("\n")).toContain("the database is on another timeline");
    const [after] = await requestSends(world, [{ talk: talkAt(3) }]);
    await world.startSender();
    await untilState(told, "delivered");
    await untilState(untold, "unknown");
    await untilState(after, "delivered");
    expect(world.graph.ledger.reachedTwice()).toEqual([]);
    const calls = world.graph.ledger.messages().map(({ callbackData }) => callbackData);
    expect(calls).toHaveLength(4);
    expect(new Set(calls)).toEqual(new Set([told, untold, newer, after]));
    expect(await world.sql`select from sends where id = ${newer ?? ""}`).toHaveLength(0);
  }, 90_000);
});
