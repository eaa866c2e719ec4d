import type { Connection, ProvisionedPart } from "@turno/messaging";
import { createLogger } from "@turno/runtime";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createProvisionerMetrics } from "../src/metrics.ts";
import { keepUp } from "../src/upkeep.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("lets a part from which a defect follows rest for a minute, counts it and says so; the others are kept up", async () => {
  const tried: string[] = [];
  const part = (name: string, provision: () => Promise<boolean>): ProvisionedPart => ({
    name,
    provision: () => {
      tried.push(name);
      return provision();
    },
  });
  const parts = [
    part("bad", () => Promise.reject(new TypeError("planted"))),
    part("good", () => Promise.resolve(false)),
  ];
  const metrics = createProvisionerMetrics({ obstacles: () => 0, isConnected: () => true });
  // It loses the broker before it looks at the room.
  let asked = 0;
  const connection = {
    get isConnected() {
      return asked++ % 3 < 2;
    },
  } as unknown as Connection;
  const upkeep = keepUp(connection, parts, { metrics, logger: createLogger("provisioner", "silent") });
  await vi.advanceTimersByTimeAsync(10_500);
  expect(tried.filter((name) => name === "bad")).toHaveLength(1);
  expect(tried.filter((name) => name === "good").length).toBeGreaterThan(5);
  expect(upkeep.obstacles()).toEqual(["planted"]);
  expect(await metrics.registry.metrics()).toMatch(/turno_provisioner_defects_total\{stage="bad"[^}]*\} 1/);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(tried.filter((name) => name === "bad")).toHaveLength(2);
  await upkeep.stop();
});
