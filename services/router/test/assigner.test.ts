import { expect, it } from "vitest";
import { createAssigner } from "../src/assigner.ts";

const nothing = { assigned: 0, hasMore: false, deferredMs: null };
const names = (count: number) => Array.from({ length: count }, (_, index) => `group ${index}`);
const settle = async () => {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
};

function createWorld(waiting: (groupIds: readonly string[]) => string[]) {
  const looks: (readonly string[])[] = [];
  const runs: string[] = [];
  const ends: (() => void)[] = [];
  let most = 0;
  let atOnce = 0;
  const assigner = createAssigner({
    selectWaiting: (groupIds) => {
      looks.push(groupIds);
      return Promise.resolve(waiting(groupIds));
    },
    assign: async (groupId) => {
      runs.push(groupId);
      most = Math.max(most, ++atOnce);
      await new Promise<void>((resolve) => ends.push(resolve));
      atOnce -= 1;
      return nothing;
    },
    onAssigned: () => undefined,
    onFailure: (error) => {
      throw error;
    },
    onDefect: (error) => {
      throw error;
    },
  });
  const finish = async () => {
    for (let end = ends.shift(); end !== undefined; end = ends.shift()) {
      end();
      await settle();
    }
  };
  return { assigner, looks, runs, finish, most: () => most };
}

it("an agent of 1,000 groups, told of one by one, costs one look; those with something to give run, in order, two at once", async () => {
  const { assigner, looks, runs, finish, most } = createWorld((groupIds) => groupIds.slice(10, 20).toReversed());
  for (const groupId of names(1_000)) assigner.trigger([groupId]);
  await settle();
  await finish();
  expect(looks).toEqual([names(1_000)]);
  expect({ runs, most: most() }).toEqual({ runs: names(20).slice(10).toReversed(), most: 2 });
  await assigner.stop();
});

it("one group is not looked at first, and any number of triggers during its run are one run more", async () => {
  const { assigner, looks, runs, finish } = createWorld((groupIds) => [...groupIds]);
  assigner.trigger(["a"]);
  await settle();
  for (let count = 0; count < 200; count++) {
    assigner.trigger(["a"]);
    await new Promise(setImmediate);
  }
  await finish();
  expect({ looks, runs }).toEqual({ looks: [], runs: ["a", "a"] });
  await assigner.stop();
});

it("a group that provokes a defect is left until something triggers it again; the others get theirs", async () => {
  const runs: string[] = [];
  const defects: unknown[] = [];
  const assigner = createAssigner({
    selectWaiting: (groupIds) => Promise.resolve([...groupIds]),
    assign: (groupId) => {
      runs.push(groupId);
      return groupId === "a" ? Promise.reject(new TypeError("planted")) : Promise.resolve(nothing);
    },
    onAssigned: () => undefined,
    onFailure: (error) => defects.push("taken for a failure", error),
    onDefect: (error) => defects.push(error),
  });
  assigner.trigger(["a", "b"]);
  await settle();
  expect([runs, defects]).toEqual([["a", "b"], [new TypeError("planted")]]);
  assigner.trigger(["a"]);
  await settle();
  expect(runs).toEqual(["a", "b", "a"]);
  await assigner.stop();
});
