import { expect, it } from "vitest";
import { createSetAside, Failure, SETS_NOTHING_ASIDE } from "../src/index.ts";

class AwayFailure extends Failure {}
class BadDataFailure extends Failure {
  override readonly retryable = false;
}

/** Rows of which some provoke an error, and a memory with a clock of its own. */
function createScene(provoke: Record<string, Error>) {
  const clock = { nowMs: 0 };
  const told: string[] = [];
  const done: string[] = [];
  const setAside = createSetAside({
    what: "the test",
    onDefect: (error, key) => told.push(`${key}: ${String(error)}`),
    nowMs: () => clock.nowMs,
  });
  const run = (rows: readonly string[]) =>
    setAside.run(rows, String, async (some) => {
      for (const row of some) if (provoke[row] !== undefined) throw provoke[row];
      done.push(...some);
    });
  return { setAside, clock, told, done, run };
}

it("does all rows at once where none provokes anything", async () => {
  const { setAside, told, done, run } = createScene({});
  await run(["a", "b"]);
  expect([done, told, setAside.keys, setAside.note]).toEqual([["a", "b"], [], [], null]);
});

it("leaves out the row from which a defect follows, and that whose data cannot be stored, and does the others once", async () => {
  const provoke = { c: new TypeError("planted"), e: new BadDataFailure("too long") };
  const { setAside, told, done, run } = createScene(provoke);
  await run(["a", "b", "c", "d", "e"]);
  expect(done).toEqual(["a", "b", "d"]);
  expect(told).toEqual(["c: TypeError: planted", "e: Error: too long"]);
  expect([setAside.keys, setAside.note]).toEqual([["c", "e"], "left out of the test by a defect, as the log says: 2"]);
});

it("lets a row rest for a minute, and then tries and tells it again", async () => {
  const { setAside, clock, told, run } = createScene({ a: new TypeError("planted") });
  await run(["a"]);
  clock.nowMs = 59_999;
  expect(setAside.keys).toEqual(["a"]);
  clock.nowMs = 60_000;
  expect(setAside.keys).toEqual([]);
  await run(["a"]);
  expect([setAside.keys, told.length]).toEqual([["a"], 2]);
});

it("blames no row for what may pass, and for what does not come again", async () => {
  const away = createScene({ b: new AwayFailure("away") });
  await expect(away.run(["a", "b"])).rejects.toThrow("away");
  const provoke: Record<string, Error> = { a: new TypeError("broken off") };
  const once = createScene(provoke);
  const defect = provoke["a"];
  let calls = 0;
  await once.setAside.run(["a"], String, async () => {
    if (calls++ === 0) throw defect;
  });
  expect([away.setAside.keys, once.setAside.keys, once.told]).toEqual([[], [], []]);
});

it("throws where nothing is to be set aside", async () => {
  const work = () => Promise.reject(new TypeError("planted"));
  await expect(SETS_NOTHING_ASIDE.run(["a"], String, work)).rejects.toThrow("planted");
});
