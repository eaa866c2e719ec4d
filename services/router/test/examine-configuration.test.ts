import { expect, it } from "vitest";
import { judgeConfiguration, type ConfigurationFacts } from "../src/configuration/examine-configuration.ts";

const SOUND: ConfigurationFacts = { admins: 1, channels: 2, withoutAccount: [], groups: 2, withoutAgents: [] };
const names = Array.from({ length: 21 }, (_, index) => `Group ${index}`);

it.each<[string, Partial<ConfigurationFacts>, RegExp, RegExp]>([
  ["admin", { admins: 0 }, /Nobody may change/, /role admin/],
  ["channels", { channels: 0 }, /No business number/, /Configure a channel/],
  ["channel-account", { withoutAccount: ["Main"] }, /Main\. Templates/, /accountId/],
  ["group-agents", { withoutAgents: ["Billing", "Night"] }, /Billing, Night\. What waits/, /members/],
  ["group-agents", { withoutAgents: names }, /Group 19 and more/, /members/],
])("a configuration without what %s looks for is explained, and nothing else", (code, changed, wrong, advice) => {
  const faults = judgeConfiguration({ ...SOUND, ...changed }).filter(({ state }) => state !== "sound");
  expect(faults.map((fault) => fault.code)).toEqual([code]);
  expect(faults[0]?.wrong).toMatch(wrong);
  expect(faults[0]?.advice).toMatch(advice);
});

it("a whole configuration is sound", () => {
  expect(judgeConfiguration(SOUND).map(({ state }) => state)).toEqual(["sound", "sound", "sound", "sound"]);
});
