import { describe, expect, it } from "vitest";
import { DEFAULT_APP } from "../src/config.ts";
import { createMaySpeakFor } from "../src/may-speak-for.ts";

const APPS = new Map<string, { accounts?: string[]; numbers?: string[] }>([
  [DEFAULT_APP, {}],
  ["account", { accounts: ["1", "2"] }],
  ["number", { numbers: ["33"] }],
  ["both", { accounts: ["4"], numbers: ["44"] }],
]);

describe("an app speaks for what it is bound to", () => {
  it.each<[app: string, accountId: string | null, phoneNumberId: string | null, may: boolean]>([
    ["account", "1", "11", true],
    ["account", "2", null, true],
    ["account", "3", "33", false],
    ["account", null, "11", false],
    ["number", "3", "33", true],
    ["number", "1", "33", true],
    ["number", "3", "34", false],
    ["number", "3", null, false],
    ["both", "4", "44", true],
    ["both", "4", null, true],
    ["both", "4", "45", false],
    ["both", "1", "44", false],
    [DEFAULT_APP, "9", "99", true],
    [DEFAULT_APP, null, null, true],
    [DEFAULT_APP, "1", "99", false],
    [DEFAULT_APP, "9", "33", false],
    [DEFAULT_APP, "4", "45", false],
  ])("%j, account %s, number %s: %s", (app, accountId, phoneNumberId, may) => {
    expect(createMaySpeakFor(app, APPS)({ accountId, phoneNumberId })).toBe(may);
  });

  it("one app alone needs no binding", () => {
    const alone = createMaySpeakFor(DEFAULT_APP, new Map([[DEFAULT_APP, {}]]));
    expect(alone({ accountId: "1", phoneNumberId: "11" })).toBe(true);
  });
});
