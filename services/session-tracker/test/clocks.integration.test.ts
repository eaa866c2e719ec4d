import { configureStage, createStage, setClock, shiftClock, waitFor, type Stage } from "@turno/testing";
import { describe, expect, it as base } from "vitest";

// Most of the time these tests wait: they run beside one another.
const it = base.extend<{ stage: Stage }>({
  stage: async ({ task: _task }, use) => {
    const stage = await createStage();
    await use(stage);
    await stage.stop();
  },
});

const HOUR_MS = 3_600_000;

async function countIn({ sql }: Stage, where: string): Promise<number> {
  const [row] = await sql.unsafe<{ count: number }[]>(
    `select count(*)::int as count from conversations where ${where}`,
  );
  return row?.count ?? -1;
}

async function readMetric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{.*\\} (\\d+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

/** The clock of the rules alone, without a word that it is on purpose. */
const setRules = (stage: Stage, aheadMs: number) =>
  stage.sql.unsafe(
    `create or replace function turno_now() returns timestamptz language sql volatile
     as 'select turno_clock() + interval ''${aheadMs} milliseconds'''`,
  );

describe.concurrent("a clock that jumps", () => {
  it.for([
    ["the rules' clock goes 25 hours ahead", setRules, 25 * HOUR_MS],
    ["the database's clock goes 25 hours ahead", setClock, 25 * HOUR_MS],
    ["the database's clock goes back an hour", setClock, -HOUR_MS],
  ] as const)(
    "expires nobody when %s and comes back, and the tracker says so once each time",
    async ([, set, ms], { stage }) => {
      const count = (where: string) => countIn(stage, where);
      await stage.start("router", { LEASE_MS: "1000" });
      const tracker = await stage.start("session-tracker");
      await configureStage(stage, { agents: 1 });
      await stage.publish([1, 2, 3].map((index) => ({ id: `wamid.${index}`, userId: `US.${index}` })));
      await waitFor(async () => (await count("state = 'active'")) === 3, { what: "three conversations are active" });
      const sweeps = () => readMetric(tracker.url, "turno_tracker_sweeps_total");
      const before = await sweeps();
      await waitFor(async () => (await sweeps()) > before, { what: "the tracker has looked at the right clock" });

      await set(stage, ms);
      await waitFor(async () => (await readMetric(tracker.url, "turno_tracker_clock_doubt")) === 1, {
        what: "the tracker doubts the clocks",
      });
      const doubted = await sweeps();
      await waitFor(async () => (await sweeps()) >= doubted + 8, { what: "it looked eight times more" });
      const ready = await fetch(`${tracker.url}/health/ready`);
      expect(ready.status).toBe(503);
      expect(await ready.text()).toContain("nothing expires since");
      expect(await count("state = 'expired'")).toBe(0);

      await set(stage, 0);
      await waitFor(async () => (await readMetric(tracker.url, "turno_tracker_clock_doubt")) === 0, {
        what: "the clocks agree again",
      });
      const after = await sweeps();
      await waitFor(async () => (await sweeps()) >= after + 3, { what: "it looked three times more" });
      expect(await count("state = 'active'")).toBe(3);
      const errors = tracker.logs().filter((line) => line.includes('"level":50'));
      expect(errors).toEqual([
        expect.stringContaining("nothing expires, because the clocks cannot be trusted"),
        expect.stringContaining("the clocks agree again"),
      ]);

      // And a clock that is shifted on purpose is taken for what it says.
      await shiftClock(stage, 25 * HOUR_MS);
      await waitFor(async () => (await count("state = 'expired'")) === 3, {
        what: "all three expire at their instant",
      });
    },
  );
});
