import { describe, expect, it } from "vitest";
import { FAULTS } from "../src/faults/index.ts";
import { runRounds } from "../src/run-rounds.ts";

const SEED = Number(process.env["SEED"] ?? 42);
/** What other tests of the gate do not do to the whole product. All faults: npm run prove. */
const SHORT = ["SIGKILL nats", "reset router-postgres"];

describe(`faults under load (seed ${SEED})`, () => {
  it("lose nothing, double nothing, keep order and turns, and end", async () => {
    const results = await runRounds({
      faults: FAULTS.filter(({ name }) => SHORT.includes(name)),
      rounds: SHORT.length,
      seed: SEED,
      burst: 500,
      // The limit of 10 s is for a machine that does nothing else: npm run prove.
      recoveryMsMax: 60_000,
      counts: { provisioner: 1, gateway: 1, router: 2, "session-tracker": 1, sender: 1 },
    });
    for (const { fault, messages, lost, doubled, outOfOrder, unfair, broken } of results) {
      const found = { fault, lost, doubled, outOfOrder, unfair, broken };
      expect(found).toEqual({ fault, lost: [], doubled: [], outOfOrder: [], unfair: [], broken: [] });
      expect(messages).toBeGreaterThan(500);
    }
  }, 400_000);
});
