import { configureStage, createStage, shiftClock, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const DAY_MS = 24 * 60 * 60 * 1000;

let stage: Stage;
const lines: string[] = [];
beforeEach(async () => {
  lines.length = 0;
  stage = await createStage();
});
afterEach(() => stage.stop());

const readTold = () =>
  lines
    .filter((line) => line.startsWith("{"))
    .map(
      (line) => JSON.parse(line) as { level: number; stage?: string; conversationId?: string; err: { stack: string } },
    );

describe("a defect that follows from one conversation", () => {
  it("leaves it out of expiry: the others expire, the tracker goes on and says so", async () => {
    await stage.start("router");
    const tracker = await stage.start("session-tracker", {}, { onLine: (line) => lines.push(line) });
    await configureStage(stage, { agents: 1 });
    await stage.publish(Array.from({ length: 20 }, (_, index) => ({ id: `wamid.${index}`, userId: `US.${index}` })));
    const read = (state: string) =>
      stage.sql<{ id: string }[]>`select id from conversations where state = ${state} order by id`;
    await waitFor(async () => (await read("active")).length === 20, { what: "all are active" });
    const bad = (await read("active"))[7]?.id ?? "";
    // Postgres says of what a function raises that it is no fault of the data: to us it is a defect.
    await stage.sql.unsafe(`
      create function test_defect() returns trigger language plpgsql as $$ begin raise 'planted'; end $$;
      create trigger test_defect before update on conversations for each row
        when (new.id = '${bad}' and new.state = 'expired') execute function test_defect()`);
    await shiftClock(stage, DAY_MS);
    await waitFor(async () => (await read("expired")).length === 19, { what: "19 are expired", timeoutMs: 20_000 });
    expect(await read("active")).toEqual([{ id: bad }]);
    const readErrors = () => readTold().filter(({ level }) => level >= 50);
    const told = await waitFor(() => readErrors().length > 0 && readErrors(), { what: "it says so" });
    expect(told).toMatchObject([{ level: 50, stage: "sweep", conversationId: bad }]);
    expect(told[0]?.err.stack).toContain("planted");
    const metrics = await (await fetch(`${tracker.url}/metrics`)).text();
    expect(metrics).toContain('turno_tracker_defects_total{stage="sweep",service="session-tracker"} 1');
    expect(metrics).toContain('turno_tracker_set_aside{service="session-tracker"} 1');
    const ready = await fetch(`${tracker.url}/health/ready`);
    const { reasons } = (await ready.json()) as { reasons: string[] };
    expect([ready.status, reasons]).toEqual([200, ["left out of expiry and warnings by a defect, as the log says: 1"]]);
  });
});

describe("a defect of the relay that no event is to blame for", () => {
  it("ends the process with code 1, after one fatal line with the stack", async () => {
    const tracker = await stage.start("session-tracker", {}, { onLine: (line) => lines.push(line) });
    await stage.sql`alter table outbox rename to outbox_gone`;
    expect(await tracker.exited).toMatchObject({ code: 1 });
    const fatal = readTold().filter(({ level }) => level === 60);
    expect(fatal).toHaveLength(1);
    expect(fatal[0]?.err.stack).toContain("outbox");
  });
});
