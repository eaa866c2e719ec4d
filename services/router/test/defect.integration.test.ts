import type { Sql } from "@turno/database";
import { createIdSource, createSetAside, isUndone } from "@turno/runtime";
import { configureStage, createStage, SERVICE_ACTOR, stageAgent, toLine, waitFor, type Stage } from "@turno/testing";
import { interpretLine } from "@turno/whatsapp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { requeueDue } from "../src/assignment/requeue-due.ts";
import { createCommandHandlers } from "../src/commands.ts";
import { applyInbound } from "../src/inbound/apply-inbound.ts";

const createId = createIdSource();
const lines: string[] = [];

let stage: Stage;
beforeEach(async () => {
  lines.length = 0;
  stage = await createStage();
});
afterEach(() => stage.stop());

const keys = async (sql: Sql) => {
  const rows = await sql<{ key: string }[]>`select key from messages order by key`;
  return rows.map(({ key }) => key);
};

describe("a defect that follows from a line", () => {
  it("is set aside with the line in the running router, told with its stack and counted; the rest takes effect", async () => {
    const router = await stage.start("router", {}, { onLine: (line) => lines.push(line) });
    await configureStage(stage, { agents: 1 });
    // Postgres says of what a function raises that it is no fault of the data: to us it is a defect.
    await stage.sql.unsafe(`
      create function test_defect() returns trigger language plpgsql as $$ begin raise 'planted'; end $$;
      create trigger test_defect before insert on messages for each row
        when (new.key = 'msg:wamid.57') execute function test_defect()`);
    const batch = Array.from({ length: 100 }, (_, index) => ({ id: `wamid.${index}`, userId: `US.${index % 10}` }));
    await stage.publish(batch, 100);
    await waitFor(async () => (await keys(stage.sql)).length === 99, { what: "99 have taken effect" });

    const { deadLetters } = await stage.command("list-dead-letters", {});
    expect(deadLetters).toMatchObject([{ key: "msg:wamid.57", cause: "defect" }]);
    const readErrors = () => readTold().filter(({ level }) => level === 50);
    const told = await waitFor(() => readErrors().length > 0 && readErrors(), { what: "it says so" });
    expect(told).toMatchObject([{ stage: "inbound", err: { message: "planted" } }]);
    expect(told[0]?.err.stack).toContain("ErrorResponse");
    const metrics = await (await fetch(`${router.url}/metrics`)).text();
    expect(metrics).toContain('turno_router_defects_total{stage="inbound",service="router"} 1');
    expect(metrics).not.toContain('turno_router_failures_total{stage="inbound"');

    const id = deadLetters[0]?.id ?? "";
    expect(await stage.command("retry-dead-letter", { id })).toMatchObject({ applied: false, cause: "defect" });
    await stage.sql`drop trigger test_defect on messages`;
    const [again] = (await stage.command("list-dead-letters", {})).deadLetters;
    expect(await stage.command("retry-dead-letter", { id: again?.id ?? "" })).toMatchObject({ applied: true });
    expect(await keys(stage.sql)).toHaveLength(100);
  });

  it("is found among the lines of a batch where it is a TypeError, and thrown where nobody hears of it", async () => {
    const router = await stage.start("router");
    await configureStage(stage, { agents: 1 });
    await router.stop();
    const { sql } = stage;
    const items = Array.from({ length: 20 }, (_, index) => toItem(index));
    items[7] = { ...toItem(7), identities: null } as never;
    await expect(applyInbound(sql, { reader: null, moves: [], items, createId })).rejects.toThrow(TypeError);
    expect(await keys(sql)).toEqual([]);

    const defects: unknown[] = [];
    const onDefect = (error: unknown) => void defects.push(error);
    const outcome = await applyInbound(sql, { reader: null, moves: [], items, createId, onDefect });
    expect(outcome).toMatchObject({ applied: 19, setAside: 1 });
    expect(defects).toEqual([expect.any(TypeError)]);
    const letters = await sql<{ id: string; key: string; cause: string }[]>`select id, key, cause from dead_letters`;
    expect(letters).toMatchObject([{ key: "msg:wamid.7", cause: "defect" }]);

    const { connection } = stage;
    const handlers = createCommandHandlers(sql, { trigger: () => undefined, createId, onDefect, connection });
    const request = { id: letters[0]?.id ?? "", actor: SERVICE_ACTOR };
    expect(await handlers["retry-dead-letter"]?.(request)).toMatchObject({ applied: true, cause: null });
    expect(await keys(sql)).toHaveLength(20);
  });
});

describe("a defect that follows from one conversation", () => {
  it("leaves it out of what goes back to the queue: the others of its group go back, and it rests", async () => {
    const router = await stage.start("router");
    await configureStage(stage, { agents: 1 });
    await stage.publish(Array.from({ length: 9 }, (_, index) => ({ id: `wamid.${index}`, userId: `US.${index}` })));
    const { sql } = stage;
    const read = (state: string) =>
      sql<{ id: string }[]>`select id from conversations where state = ${state} order by id`;
    await waitFor(async () => (await read("active")).length === 9, { what: "all are active" });
    await router.stop();
    const bad = (await read("active"))[4]?.id ?? "";
    await sql`update groups set first_answer_seconds = 60`;
    await sql`
      update conversations set assigned_at = assigned_at - interval '1 hour',
        waiting_noted_at = waiting_noted_at - interval '2 hours'`;
    await sql.unsafe(`
      create function test_defect() returns trigger language plpgsql as $$ begin raise 'planted'; end $$;
      create trigger test_defect before update on conversations for each row
        when (new.id = '${bad}' and new.state = 'queued') execute function test_defect()`);
    const told: string[] = [];
    const setAside = createSetAside({
      what: "the test",
      onDefect: (error, key) => told.push(`${key} ${String(error)}`),
    });
    const requeue = () => requeueDue(sql, { limit: 50, createId, setAside });
    expect(await requeue()).toBe(8);
    expect([await read("active"), told]).toEqual([[{ id: bad }], [expect.stringMatching(`^${bad} .*planted`)]]);
    // It is passed over while it rests.
    expect([await requeue(), told.length]).toEqual([0, 1]);
  });
});

describe("a defect in a command", () => {
  it("is known to have changed nothing where it undid the transaction, and not after the commit", async () => {
    const router = await stage.start("router");
    await configureStage(stage, { agents: 1 });
    await router.stop();
    const plant = () => {
      throw new TypeError("planted");
    };
    const parts = { trigger: () => undefined, createId, onDefect: plant, connection: stage.connection };
    const isUndoneWith = async (planted: Partial<typeof parts>, availability: "away" | "available") => {
      const handlers = createCommandHandlers(stage.sql, { ...parts, ...planted });
      const request = { agentId: stageAgent(0), availability, actor: SERVICE_ACTOR };
      const thrown = await handlers["set-availability"]?.(request).catch((error: unknown) => error);
      const [agent] = await stage.sql<{ availability: string }[]>`select availability from agents`;
      return [String(thrown), isUndone(thrown), agent?.availability];
    };
    expect(await isUndoneWith({ createId: plant }, "away")).toEqual(["TypeError: planted", true, "available"]);
    expect(await isUndoneWith({ trigger: plant }, "away")).toEqual(["TypeError: planted", false, "away"]);
  });
});

describe("a defect that nothing which came in is to blame for", () => {
  it("ends the router with code 1, after one fatal line with the stack", async () => {
    const router = await stage.start("router", {}, { onLine: (line) => lines.push(line) });
    await configureStage(stage, { agents: 1 });
    // Postgres does not understand the statements of the loops any more.
    await stage.sql`alter table groups rename to groups_gone`;
    expect(await router.exited).toMatchObject({ code: 1 });
    const fatal = readTold().filter(({ level }) => level === 60);
    expect(fatal).toHaveLength(1);
    expect(fatal[0]?.err.stack).toContain("does not exist");
  });
});

/** What the services logged. The shell that guards a process may have a word of its own in between. */
const readTold = () => lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Told);

interface Told {
  level: number;
  err: { message: string; stack: string };
}

const toItem = (index: number) => interpretLine(toLine({ id: `wamid.${index}`, userId: `US.${index % 5}` }).json);
