import { createIdSource, createSetAside } from "@turno/runtime";
import { waitFor } from "@turno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { failStale } from "../src/sending/fail-lapsed.ts";
import { settleTimeline } from "../src/sending/settle-timeline.ts";
import { applyStatuses, type StatusItem } from "../src/statuses/apply-statuses.ts";
import { openWorld, requestSends, type SenderWorld } from "./fixtures/world.ts";

let world: SenderWorld;
afterEach(() => world?.close());

const createId = createIdSource();
/** Waits until one defect of the stage is counted, which happens after what it does to the rows. Returns the metrics. */
const readCounted = ({ url }: { url: string }, stage: string) =>
  waitFor(
    async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      return metrics.includes(`turno_sender_defects_total{stage="${stage}",service="sender"} 1`) && metrics;
    },
    { what: `one defect of ${stage} is counted` },
  );

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
    const metrics = await readCounted(sender, "status");
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

describe("a defect that follows from one message", () => {
  /** `when` names what the messages of `bad` cannot become. */
  const plant = (bad: string, when: string) =>
    world.sql.unsafe(`
      create or replace function test_defect() returns trigger language plpgsql as $$ begin raise 'planted'; end $$;
      create trigger test_defect before update on sends for each row
        when (new.id = '${bad}' and ${when}) execute function test_defect()`);
  const talks = () => world.talks.slice(0, 3).map((talk) => ({ talk }));
  const statesOf = async (ids: readonly string[]) => {
    const rows = await world.readSends();
    return ids.map((id) => rows.get(id)?.state);
  };
  const untilStates = (ids: readonly string[], states: readonly string[]) =>
    waitFor(async () => String(await statesOf(ids)) === String(states), { what: `they are ${states.join(", ")}` });

  it("leaves it out of leasing and of giving up: the others are sent and given up, the sender goes on and says so", async () => {
    world = await openWorld({ graph: { statuses: { skipDeliveredShare: 0, readShare: 0, stepMsMax: 60 } } });
    const sender = await world.startSender();
    const ids = await world.sql.begin(async (tx) => {
      const made = await requestSends({ sql: tx as never }, talks());
      await tx`update sends set due_at = turno_now() + interval '1 hour'`;
      return made;
    });
    const [, bad = ""] = ids;
    await plant(bad, "new.state = 'sending'");
    await world.sql`update sends set due_at = turno_now()`;
    await untilStates(ids, ["delivered", "waiting", "delivered"]);
    const readiness = async () => {
      const answer = await fetch(`${sender.url}/health/ready`);
      return { status: answer.status, reasons: ((await answer.json()) as { reasons: string[] }).reasons };
    };
    // The others may have gone out before the half that fails has been halved.
    await waitFor(async () => (await readiness()).reasons.length > 0, { what: "it says so" });
    const reasons = ["left out of sending by a defect, as the log says: 1"];
    expect(await readiness()).toEqual({ status: 200, reasons });

    // The lease of a sender that died has ended for these, and of one nothing can be written any more.
    await world.sql`drop trigger test_defect on sends`;
    const [first, second = "", third] = await world.sql.begin(async (tx) => {
      const made = await requestSends({ sql: tx as never }, talks());
      await tx`update sends set state = 'sending', lease_until = turno_clock() - interval '1 second', attempt = 1
        where id = any(${made}::uuid[])`;
      return made;
    });
    await plant(second, "new.state = 'unknown'");
    await untilStates([first ?? "", second, third ?? ""], ["unknown", "sending", "unknown"]);
    for (const stage of ["claim", "reclaim"]) await readCounted(sender, stage);
  });

  it("keeps sending paused after a restore until it is given up too, and gives up the others", async () => {
    world = await openWorld();
    const { sql } = world;
    const ids = await requestSends(world, talks());
    // Made in the very millisecond in which the timeline begins, they are still from before it.
    await sql`update sends set created_at = date_trunc('milliseconds', created_at) + interval '1 microsecond'`;
    await sql`
      update database_timeline set sends_settled_at = null,
        began_at = (select max(created_at) + interval '1 microsecond' from sends)`;
    await sql`
      insert into log_positions (consumer, shard, partition, stream_id, sequence, watermark_at)
      values ('sender', '0', 0, 's', 0, turno_now())`;
    await plant(ids[1] ?? "", "new.state = 'unknown'");
    const told: unknown[] = [];
    const setAside = createSetAside({ what: "the test", onDefect: (error) => told.push(error) });
    const context = { createId, tokenKey: "of-the-test", tryWaits: { firstMs: 60_000, maxMs: 900_000 } };
    expect(await settleTimeline(sql, context, setAside)).toBe(null);
    expect([await statesOf(ids), told.length]).toEqual([["unknown", "waiting", "unknown"], 1]);
    expect(await sql`select turno_may_send() as may`).toEqual([{ may: false }]);
  });

  it("leaves it out of what fails because it waited too long: the others fail", async () => {
    world = await openWorld();
    const ids = await requestSends(world, talks());
    await world.sql`update sends set created_at = created_at - interval '3 days'`;
    await plant(ids[0] ?? "", "new.state = 'failed'");
    const told: unknown[] = [];
    const setAside = createSetAside({ what: "the test", onDefect: (error) => told.push(error) });
    const tryWaits = { firstMs: 60_000, maxMs: 900_000 };
    const limits = { waitMsMax: 60_000 };
    const options = { createId, tokenKey: "of-the-test", tryWaits, limits, mayTrust: () => true, setAside };
    expect(await failStale(world.sql, options)).toBe(2);
    expect([await statesOf(ids), told.length]).toEqual([["waiting", "failed", "failed"], 1]);
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
