import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advanceDelivery, isDeliveryReport, type DeliveryReport, type DeliveryState } from "../src/index.ts";

const reports: DeliveryReport[] = ["accepted", "sent", "delivered", "read", "played", "failed"];
const play = (from: DeliveryState, said: readonly DeliveryReport[]) => said.reduce(advanceDelivery, from);

describe("how far a message has come", () => {
  it.each([
    ["sending", ["accepted", "sent", "delivered", "read", "played"], "played"],
    ["sending", ["read", "delivered", "sent", "accepted"], "read"],
    ["unknown", ["sent"], "sent"],
    ["accepted", ["failed", "sent"], "failed"],
    ["accepted", ["failed", "delivered"], "delivered"],
    ["accepted", ["delivered", "failed"], "delivered"],
  ] satisfies [DeliveryState, DeliveryReport[], DeliveryState][])("goes from %s by %j to %s", (from, said, to) => {
    expect(play(from, said)).toBe(to);
  });

  it("does not depend on order or repetition of what Meta says", () => {
    const said = fc.array(fc.constantFrom(...reports), { maxLength: 8 });
    fc.assert(
      fc.property(said, fc.infiniteStream(fc.nat()), (list, keys) => {
        const shuffled = [...list, ...list]
          .map((report) => ({ report, key: keys.next().value }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ report }) => report);
        expect(play("sending", shuffled)).toBe(play("sending", list));
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it("knows Meta's words and no others", () => {
    expect(["sent", "failed", "waiting", "unknown", "toString", "warning"].filter(isDeliveryReport)).toEqual([
      "sent",
      "failed",
    ]);
  });
});
