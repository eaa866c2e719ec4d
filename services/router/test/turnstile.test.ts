import { expect, it } from "vitest";
import { createTurnstile } from "../src/turnstile.ts";

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

it("a turnstile of two lets two through at once, and another one for each that leaves, once", async () => {
  const turnstile = createTurnstile(2);
  let inside = 0;
  const enter = async () => {
    const leave = await turnstile.enter();
    inside += 1;
    return leave;
  };
  const [first, second, third, fourth] = [enter(), enter(), enter(), enter()];
  const leave = await first;
  await second;
  leave();
  leave();
  const leaveThird = await third;
  expect(inside).toBe(3);
  leaveThird();
  await fourth;
  expect(inside).toBe(4);
});
