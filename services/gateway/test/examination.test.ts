import { expect, it } from "vitest";
import { createSignatureMemory, judgeGateway, type GatewayFacts } from "../src/examination.ts";

const app = { secrets: ["s3cret", "older"], verifyTokens: ["t0ken"] };
const SOUND: GatewayFacts = {
  apps: new Map([["shop", app]]),
  useOf: () => ({ signedAt: 2_000, mismatchedAt: 1_000 }),
  obstacle: null,
  isProduction: true,
  hasOperationsPort: true,
};

it.each<[string, Partial<GatewayFacts>, RegExp, RegExp]>([
  ["ready", { obstacle: "the broker is away" }, /broker is away/, /503/],
  ["signatures", { useOf: () => ({ signedAt: 1_000, mismatchedAt: 2_000 }) }, /none of its secrets/, /app secret/],
  ["signatures", { useOf: () => ({ signedAt: null, mismatchedAt: 2_000 }) }, /none of its secrets/, /7 days/],
  ["operations-port", { hasOperationsPort: false }, /everybody reaches/, /OPERATIONS_PORT of the gateway/],
])("a gateway that is wrong about %s says so, and nothing else", (code, changed, wrong, advice) => {
  const faults = judgeGateway({ ...SOUND, ...changed }).filter(({ state }) => state !== "sound");
  expect(faults.map((fault) => fault.code)).toEqual([code]);
  expect(faults[0]?.wrong).toMatch(wrong);
  expect(faults[0]?.advice).toMatch(advice);
});

it("a gateway tells how many secrets an app has, and none of them", () => {
  const told = JSON.stringify(judgeGateway(SOUND));
  expect(told).toContain("shop (secrets: 2, verify tokens: 1, speaks for any account)");
  expect(told).not.toMatch(/s3cret|older|t0ken/);
  expect(judgeGateway({ ...SOUND, isProduction: false, hasOperationsPort: false }).map(({ state }) => state)).toEqual([
    "sound",
    "sound",
    "sound",
  ]);
});

it("the memory of signatures keeps the last match and the last mismatch of each app", () => {
  let now = 0;
  const memory = createSignatureMemory(() => ++now);
  memory.note("shop", true);
  memory.note("shop", false);
  memory.note("shop", true);
  expect(memory.of("shop")).toEqual({ signedAt: 3, mismatchedAt: 2 });
  expect(memory.of("other")).toEqual({ signedAt: null, mismatchedAt: null });
});
