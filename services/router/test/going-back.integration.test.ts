import { configureStage, createStage, keepCopy, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
});
afterEach(() => stage.stop());

const CUSTOMERS = 100;
const messages = (total: number, from: number) =>
  Array.from({ length: total }, (_, index) => ({
    id: `wamid.${from + index}`,
    userId: `US.${(from + index) % CUSTOMERS}`,
    text: String(from + index),
  }));

async function count(table: string, where = "true"): Promise<number> {
  const [row] = await stage.sql.unsafe<{ count: number }[]>(
    `select count(*)::int as count from ${table} where ${where}`,
  );
  return row?.count ?? -1;
}

describe("a database that goes back to an older copy of itself under running routers", () => {
  it("loses no message: partitions without news are not raised past what the copy has applied", async () => {
    const routers = [await stage.start("router"), await stage.start("router")];
    await configureStage(stage, { agents: 3 });
    await stage.publish(messages(300, 0), 5);
    await waitFor(async () => (await count("messages")) === 300, { what: "300 have taken effect" });
    await waitFor(async () => (await count("(select distinct owner from log_positions) as owners")) === 2, {
      what: "both routers hold partitions",
    });
    const goBack = await keepCopy(stage.sql);
    await stage.publish(messages(700, 300), 5);
    await waitFor(async () => (await count("messages")) === 1_000, { what: "1,000 have taken effect" });
    await waitFor(async () => (await count("(select distinct sequence from log_positions) as at")) === 1, {
      what: "every partition is noted as read to the end",
    });

    await goBack();
    await waitFor(async () => (await count("messages")) === 1_000, {
      what: "what the copy did not have has taken effect again",
      timeoutMs: 20_000,
    });
    await stage.publish(messages(100, 1_000), 5);
    await waitFor(async () => (await count("messages")) === 1_100, { what: "what came after has taken effect" });
    const rows = await stage.sql<{ entityId: string; text: string }[]>`
      select events.entity_id as "entityId", messages.payload->'text'->>'body' as text
      from events join messages on messages.id = events.message_id order by events.entity_id, events.sequence`;
    for (const ofOne of Map.groupBy(rows, ({ entityId }) => entityId).values()) {
      const numbers = ofOne.map(({ text }) => Number(text));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    expect(rows.length).toBe(1_100);
    expect(await count("conversations")).toBe(CUSTOMERS);
    // A router whose lease ended meanwhile remembers nothing, and has nothing to tell.
    await waitFor(() => routers.some((router) => router.logs().join("\n").includes("the database went back")), {
      what: "a router tells that the database went back",
    });
  }, 90_000);

  it("moves no watermark before what the copy does not have has taken effect again", async () => {
    await stage.start("router");
    await configureStage(stage, { agents: 1 });
    await stage.publish(messages(10, 0), 1);
    await waitFor(async () => (await count("messages")) === 10, { what: "10 have taken effect" });
    const goBack = await keepCopy(stage.sql);
    await stage.publish(messages(200, 10), 1);
    await waitFor(async () => (await count("messages")) === 210, { what: "210 have taken effect" });
    const [end] = await stage.sql<{ sequence: number }[]>`select max(sequence) as sequence from log_positions`;
    // What says that everything up to an instant after the step back took effect must stand where the log ended by then.
    await stage.sql.unsafe(`
      create table early (partition int);
      create table went_back (at timestamptz);
      create function note_early() returns trigger language plpgsql security definer as $$
        begin
          insert into early select new.partition from went_back where new.watermark_at > at and new.sequence < ${end?.sequence};
          return null;
        end $$;
      create trigger note_early after update on log_positions for each row execute function note_early()`);
    await goBack();
    await stage.sql`insert into went_back select clock_timestamp()`;
    await waitFor(async () => (await count("messages")) === 210, { what: "all has taken effect again" });
    await waitFor(async () => (await count("log_positions, went_back", "watermark_at <= at")) === 0, {
      what: "the watermark moves again",
    });
    expect(await count("early")).toBe(0);
  }, 90_000);
});
