import { configureStage, createStage, setClock, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, describe, it } from "vitest";

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
});
afterEach(() => stage.stop());

const HOUR_MS = 3_600_000;
const countMessages = async () =>
  (await stage.sql<{ count: number }[]>`select count(*)::int as count from messages`)[0]?.count ?? -1;

describe("a lease that was given while the database's clock was 25 hours ahead", () => {
  it("does not keep a dead router's partitions from the others", async () => {
    await setClock(stage, 25 * HOUR_MS);
    const routers = [
      await stage.start("router", { LEASE_MS: "1000" }),
      await stage.start("router", { LEASE_MS: "1000" }),
    ];
    await configureStage(stage, { agents: 1 });
    await waitFor(
      async () => (await stage.sql`select distinct owner from log_positions where owner is not null`).length === 2,
      { what: "both routers hold partitions" },
    );
    await routers[0]?.kill("SIGKILL");
    await setClock(stage, 0);
    await stage.publish(Array.from({ length: 100 }, (_, index) => ({ id: `wamid.${index}`, userId: `US.${index}` })));
    await waitFor(async () => (await countMessages()) === 100, { what: "all take effect", timeoutMs: 10_000 });
  });
});
