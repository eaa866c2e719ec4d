import { buildMessage, createCustomers, createRandom, MESSAGE_TYPES } from "@turno/simulator";
import { sayMessage } from "@turno/whatsapp";
import { expect, it } from "vitest";

it("every type of the simulator's catalogue says more than its type, but for those that have no more", () => {
  const random = createRandom(7);
  const [customer] = createCustomers({ count: 1, random });
  if (customer === undefined) throw new Error("no customer");
  const silent = MESSAGE_TYPES.filter((type) => {
    const item = buildMessage({ type, id: "m", customer, at: 1_764_000_000_000, random, quotedId: "q" });
    const kind = item["type"];
    if (typeof kind !== "string") throw new Error(`${type} has no type`);
    return /^\[[a-z_]+\]$/.test(sayMessage(kind, item));
  });
  expect(silent).toEqual(["video", "sticker", "future"]);
});
