import { expect, it } from "vitest";
import { findPoison } from "../src/find-poison.ts";

it.each([1, 2, 7])("blames none of %i lines for an error that does not come again", async (count) => {
  let calls = 0;
  const attempt = () => {
    calls += 1;
    // A connection that breaks may throw anything, once.
    return calls === 1 ? Promise.reject(new TypeError("broken off")) : Promise.resolve();
  };
  const items = Array.from({ length: count }, (_, index) => index);
  expect(await findPoison(items, attempt, () => true)).toEqual(new Map());
});
