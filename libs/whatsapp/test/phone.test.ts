import { expect, test } from "vitest";
import { canonicalPhone } from "../src/index.ts";

test.each([
  ["Brazil without the ninth digit", "551187654321", "5511987654321"],
  ["Brazil with the ninth digit", "5511987654321", "5511987654321"],
  ["a Brazilian landline", "551123456789", "551123456789"],
  ["Mexico with the old 1", "5215512345678", "525512345678"],
  ["Mexico without it", "525512345678", "525512345678"],
  ["Argentina with the 9", "5491123456789", "541123456789"],
  ["Argentina without it", "541123456789", "541123456789"],
  ["a leading plus", "+14155550123", "14155550123"],
  ["another country", "34600111222", "34600111222"],
  ["what is no number", "group-1", "group-1"],
])("two spellings of a number meet: %s", (_case, given, canonical) => {
  expect(canonicalPhone(given)).toBe(canonical);
});

test("the canonical form of a canonical form is itself", () => {
  const prefixes = ["55", "5511", "52", "521", "54", "549", "1", "55115", "551", "5215", "5499"];
  const unstable: string[] = [];
  for (const prefix of prefixes) {
    for (let digits = 0; digits <= 14; digits++) {
      for (const filler of ["1", "2", "5", "6", "9"]) {
        const once = canonicalPhone(prefix + filler.repeat(digits));
        if (canonicalPhone(once) !== once) unstable.push(once);
      }
    }
  }
  expect(unstable).toEqual([]);
});
