import { STREAMS } from "@turno/contracts";
import { waitFor } from "@turno/testing";
import { describe, expect, it as base } from "vitest";
import { createRelayStage, faultsOf, type RelayTestStage } from "./fixtures/relay-stage.ts";

// Most of the time these tests wait: they run beside one another.
const it = base.extend<{ stage: RelayTestStage }>({
  stage: async ({ task: _task }, use) => {
    const stage = await createRelayStage();
    await use(stage);
    await stage.stop();
  },
});

describe.concurrent("while nothing is published although something waits, every relay says since when and why:", () => {
  it("the leader its failure, the others who leads, and both that it is over", async ({ stage }) => {
    const told: (string | null)[] = [];
    const relay = await stage.startRelay({ onObstacle: (obstacle) => told.push(obstacle) });
    await stage.happen(10);
    await stage.untilPublished();
    const { streams } = await stage.connection.nats.jetstreamManager();
    const { config } = await streams.info(STREAMS.events);
    await streams.update(STREAMS.events, { ...config, max_msg_size: 10 });
    await stage.happen(10);
    const obstacle = await waitFor(() => relay.obstacle, { what: "it says so", timeoutMs: 30_000 });
    expect(obstacle).toMatch(/^no event is published since \d{4}-.*, because .+/);
    expect(relay.waiting.count).toBe(10);
    await streams.update(STREAMS.events, { ...config, max_msg_size: -1 });
    await waitFor(() => relay.obstacle === null, { what: "it is over", timeoutMs: 30_000 });
    await stage.untilPublished();
    expect(faultsOf(await stage.readNumbers(), 20)).toEqual([]);
    expect(told.map((sentence) => sentence === null)).toEqual([false, true]);
  });

  it("a lead that somebody holds who does not publish", async ({ stage }) => {
    const holder = await stage.sql.reserve();
    const [held] = await holder<{ pid: number }[]>`select pg_backend_pid() as pid, pg_advisory_lock(7286102)`;
    const relay = await stage.startRelay();
    await stage.happen(10);
    const obstacle = await waitFor(() => relay.obstacle, { what: "it says so", timeoutMs: 30_000 });
    expect(obstacle).toContain(`session ${held?.pid}`);
    expect(relay.isLeader).toBe(false);
    await holder`select pg_advisory_unlock_all()`;
    holder.release();
    await waitFor(() => relay.obstacle === null, { what: "it is over" });
    await stage.untilPublished();
  });
});

describe.concurrent("a relay that is slow keeps its lead", () => {
  it("though reading the stream takes longer than its database session may be silent", async ({ stage }) => {
    const first = await stage.startRelay();
    await stage.happen(10);
    await stage.untilPublished();
    const [state] = await stage.sql`select * from relay_state`;
    await stage.happen(2_000);
    await stage.untilPublished();
    await stage.stopRelay(first);
    await stage.sql`delete from relay_state`;
    await stage.sql`insert into relay_state ${stage.sql(state ?? {})}`;

    stage.proxy.set({ kind: "slow", delayMs: 300 });
    const lost: string[] = [];
    const relay = await stage.startRelay({
      isBehindProxy: true,
      onLead: (isLeader, cause) => void (isLeader || lost.push(cause)),
    });
    const begunAt = performance.now();
    await stage.happen(10);
    await stage.untilPublished();
    expect(performance.now() - begunAt).toBeGreaterThan(2_000);
    expect([relay.isLeader, lost]).toEqual([true, []]);
    expect(faultsOf(await stage.readNumbers(), 2_020)).toEqual([]);
  });
});
