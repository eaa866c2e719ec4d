import {
  configureStage,
  createStage,
  setClock,
  shiftClock,
  STAGE_GROUP,
  stageAgent,
  waitFor,
  type Stage,
} from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

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

describe("a rules' clock that is a day ahead of the router's", () => {
  it("lets a returning customer wait for its own agent as long as the group allows, and no longer", async () => {
    await shiftClock(stage, 24 * HOUR_MS);
    await stage.start("router");
    await configureStage(stage, { agents: 2, capacity: 1, isAvailable: false });
    const returning = { returningWithinDays: 7, returningWaitSeconds: 1 };
    await stage.command("configure", {
      groups: [{ id: STAGE_GROUP, name: "Support", distribution: "automatic", ...returning }],
    });
    await stage.command("set-availability", { agentId: stageAgent(0), availability: "available" });
    const sentAt = new Date(Date.now() + 24 * HOUR_MS);
    const write = (id: string, userId: string) => stage.publish([{ id, userId, sentAt }]);
    const holders = async () =>
      stage.sql<{ agentId: string }[]>`select agent_id as "agentId" from conversations where state = 'active'`;
    const countHeld = async (count: number) => (await holders()).length === count;

    await write("wamid.first", "US.returning");
    await waitFor(() => countHeld(1), { what: "the customer is with its agent" });
    await stage.sql`update conversations set state = 'closed'`;
    await stage.sql`update agents set active_count = 0`;
    await write("wamid.other", "US.other");
    await waitFor(() => countHeld(1), { what: "its agent has another customer, and is full" });
    await stage.command("set-availability", { agentId: stageAgent(1), availability: "available" });
    await write("wamid.again", "US.returning");
    await waitFor(() => countHeld(2), { what: "somebody else takes the customer who came back", timeoutMs: 10_000 });
    const agents = (await holders()).map(({ agentId }) => agentId);
    expect(agents.toSorted()).toEqual([stageAgent(0), stageAgent(1)]);
    const [waited] = await stage.sql<{ isLongEnough: boolean }[]>`
      select assigned_at - queued_at >= interval '1 second' as "isLongEnough" from conversations
      where agent_id = ${stageAgent(1)}`;
    expect(waited).toEqual({ isLongEnough: true });
  });
});
