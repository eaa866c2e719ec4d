import { expect, it, vi } from "vitest";
import type { Sql } from "../src/connection.ts";
import { watchDatabase } from "../src/line/watch-database.ts";

it("tells of the database when it is lost and when it is back, and is silent while nothing changes", async () => {
  let asked = 0;
  const answers = [true, false, true];
  const ask = () => {
    const isWell = answers[asked++] ?? true;
    return isWell ? Promise.resolve([{ isStandby: false, isReadOnly: false }]) : Promise.reject(new Error("gone"));
  };
  const told: (string | null)[] = [];
  const sql = Object.assign(ask, { replaceSessions: () => undefined }) as unknown as Sql;
  const watch = watchDatabase(sql, (obstacle) => told.push(obstacle));
  await vi.waitFor(() => expect(asked).toBeGreaterThan(answers.length), { timeout: 30_000 });
  await watch.stop();
  expect(told).toEqual([expect.stringContaining("does not answer (gone)"), null]);
}, 40_000);
