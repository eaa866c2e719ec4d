import { expect, it } from "vitest";
import { createTurnstile } from "../src/index.ts";

it("a turnstile lets one through at a time, in the order in which they came", async () => {
  const turnstile = createTurnstile();
  const seen: string[] = [];
  const pass = async (name: string) => {
    const leave = await turnstile.enter();
    seen.push(`${name} in`);
    await Promise.resolve();
    seen.push(`${name} out`);
    leave();
  };
  await Promise.all(["a", "b", "c"].map(pass));
  expect(seen).toEqual(["a", "b", "c"].flatMap((name) => [`${name} in`, `${name} out`]));
});
