import { createIdSource } from "@turno/runtime";
import { waitFor } from "@turno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { applyStatuses, type StatusItem } from "../src/statuses/apply-statuses.ts";
import { openWorld, requestSends, type SenderWorld } from "./fixtures/world.ts";

let world: SenderWorld;
afterEach(() => world?.close());

const createId = createIdSource();
const readLetters = () => world.sql<{ key: string; cause: string }[]>`select key, cause from dead_letters`;

describe("a defect that follows from a status", () => {
  it("is set aside with the status in the running sender, and the statuses after it take effect", async () => {
    world = await openWorld({ graph: { statuses: { readShare: 0, skipDeliveredShare: 0, stepMsMax: 60 } } });
    // Postgres says of what a function raises that it is no fault of the data: to us it is a defect.
    await world.sql.unsafe(`
      create function test_defect() returns trigger language plpgsql as $$ begin raise 'planted'; end $$;
      create trigger test_defect before update on sends for each row
        when (new.state = 'delivered') execute function test_defect()`);
    const sender = await world.startSender();
    const talk = world.talks[0];
    if (talk === undefined) throw new Error("no talk");
    const [first] = await requestSends(world, [{ talk }]);
    await waitFor(async () => (await readLetters()).length === 1, { what: "the status is set aside" });
    expect(await readLetters()).toMatchObject([{ cause: "defect" }]);
    expect((await world.readSends()).get(first ?? "")?.state).toBe("sent");
    await world.sql`drop trigger test_defect on sends`;
    const [second] = await requestSends(world, [{ talk }]);
    await waitFor(async () => (await world.readSends()).get(second ?? "")?.state === "delivered", {
      what: "what came later takes effect",
    });
    const metrics = await (await fetch(`${sender.url}/metrics`)).text();
    expect(metrics).toContain('turno_sender_defects_total{stage="status",service="sender"} 1');
    expect(metrics).not.toContain('turno_sender_failures_total{stage="status"');
  });

  it("is found among the statuses of a batch where it is a TypeError", async () => {
    world = await openWorld();
    const items = Array.from({ length: 5 }, (_, index) => toItem(index));
    items[3] = {
      ...toItem(3),
      get wamid(): string {
        throw new TypeError("planted");
      },
    };
    const defects: unknown[] = [];
    const outcome = await applyStatuses(world.sql, {
      reader: null,
      moves: [],
      items,
      createId,
      tokenKey: "of-the-test",
      tryWaits: { firstMs: 60_000, maxMs: 900_000 },
      onDefect: (error) => defects.push(error),
    });
    expect(outcome).toMatchObject({ waiting: 4, setAside: 1 });
    expect(defects).toEqual([expect.any(TypeError)]);
    expect(await readLetters()).toEqual([{ key: "status:3", cause: "defect" }]);
  });
});

function toItem(index: number): StatusItem {
  const key = `status:${index}`;
  const now = new Date();
  const origin = { key, field: "messages", line: "{}", receivedAt: now };
  const status = {
    wamid: `wamid.${index}`,
    sendId: null,
    report: "sent" as const,
    at: now,
    failure: null,
    pricing: null,
  };
  return { ...origin, ...status, kind: "status" };
}
