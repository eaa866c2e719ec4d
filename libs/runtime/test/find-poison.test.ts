import { expect, it } from "vitest";
import { findPoison } from "../src/find-poison.ts";

const isTypeError = (error: unknown) => error instanceof TypeError;
const items = Array.from({ length: 50 }, (_, index) => index);

it.each([[[0]], [[49]], [[3, 4, 31]], [items]])("finds %j, each with what it throws, and no other", async (poison) => {
  const attempt = async (some: readonly number[]) => {
    const met = some.find((item) => poison.includes(item));
    if (met !== undefined) throw new TypeError(`met ${met}`);
  };
  const found = await findPoison(items, attempt, isTypeError);
  expect([...found].map(([item, error]) => `${item}: ${String(error)}`)).toEqual(
    poison.map((item) => `${item}: TypeError: met ${item}`),
  );
});

it("finds the later one of two that pass apart and not together", async () => {
  const attempt = async (some: readonly number[]) => {
    if (some.includes(7) && some.includes(40)) throw new TypeError("both");
  };
  expect([...(await findPoison(items, attempt, isTypeError)).keys()]).toEqual([40]);
});

it("blames nobody where all pass, and for what does not follow from an item", async () => {
  expect(await findPoison(items, () => Promise.resolve(), isTypeError)).toEqual(new Map());
  const away = () => Promise.reject(new Error("the database is away"));
  await expect(findPoison(items, away, isTypeError)).rejects.toThrow("away");
});
