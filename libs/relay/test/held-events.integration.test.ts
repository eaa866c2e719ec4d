import { createPublisher } from "@turno/messaging";
import { waitFor } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRelayStage, faultsOf, type RelayTestStage } from "./fixtures/relay-stage.ts";

let stage: RelayTestStage;
beforeEach(async () => {
  stage = await createRelayStage();
});
afterEach(() => stage.stop());

/** Each of the stage's entities has every fiftieth event. */
const ENTITIES = 50;
const isOf = (number: number) => (other: number) => other % ENTITIES === number % ENTITIES;
const idEnd = (number: number) => number.toString(16).padStart(12, "0");
const setType = (number: number, type: string) =>
  stage.sql`update events set type = ${type} where right(id::text, 12) = ${idEnd(number)}`;

describe("an event that cannot be written because of a defect", () => {
  it("is held back with all later ones of its entity; the others go out, and none is skipped or out of order", async () => {
    const held: string[] = [];
    await stage.happen(300, 25);
    // No contract knows the type, so that writing it throws a TypeError.
    await setType(120, "planted");
    const relay = await stage.startRelay({
      onHeld: (error, { type }) => held.push(`${type}: ${(error as Error).name}`),
    });
    const isAfter = (number: number) => isOf(120)(number) && number >= 120;
    const expected = (count: number) => Array.from({ length: count }, (_, number) => number).filter((n) => !isAfter(n));
    const areOut = (count: number) =>
      waitFor(async () => (await stage.readNumbers()).length === expected(count).length, {
        what: `all others of ${count} are published`,
        timeoutMs: 30_000,
      });
    await areOut(300);
    await stage.happen(100, 7);
    await areOut(400);
    const numbers = await stage.readNumbers();
    expect(numbers.toSorted((a, b) => a - b)).toEqual(expected(400));
    expect(held).toEqual(["planted: TypeError"]);
    expect([relay.isLeader, relay.heldEntities]).toEqual([true, 1]);
    const obstacle = await waitFor(() => relay.obstacle, { what: "it says that it stands still", timeoutMs: 30_000 });
    expect(obstacle).toContain("held back by a defect");

    // Who leads next tries them again, and finds the fault mended.
    await setType(120, "agent.updated");
    await stage.stopRelay(relay);
    const next = await stage.startRelay();
    await stage.untilPublished();
    expect(faultsOf(await stage.readNumbers(), 400)).toEqual([]);
    expect(next.heldEntities).toBe(0);
  });
});

describe("a defect that no event is to blame for", () => {
  it("ends the relay after it was told once, and another one publishes", async () => {
    const publishChain = () => Promise.reject(new TypeError("planted"));
    const relay = await stage.startRelay({ publisher: { ...createPublisher(stage.connection), publishChain } });
    await stage.happen(10);
    await waitFor(() => stage.failures.length > 0, { what: "it says so" });
    await stage.stopRelay(relay);
    await stage.startRelay();
    await stage.untilPublished();
    expect(faultsOf(await stage.readNumbers(), 10)).toEqual([]);
    expect(stage.failures.filter((failure) => failure instanceof TypeError)).toEqual([new TypeError("planted")]);
  });
});
