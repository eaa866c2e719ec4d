import type { ServiceProcess } from "@turno/servers";
import { configureStage, createStage, judgeTurns, installTurnAudit, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readExposition } from "./watch/exposition.ts";

/** How many messages come in while it scales: `SCALING_MESSAGES=200000` shows the same for minutes. */
const MESSAGES = Number(process.env["SCALING_MESSAGES"] ?? 3_000);
const CUSTOMERS = 200;
const ROUTERS_MAX = 4;
/** As much lag as one more router is for, in seconds. */
const TARGET_SECONDS = 1;

let stage: Stage;
let tracker: ServiceProcess;
let routers: ServiceProcess[];
beforeEach(async () => {
  stage = await createStage();
  [tracker] = await Promise.all([stage.start("session-tracker"), startRouter().then((router) => (routers = [router]))]);
  await installTurnAudit(stage.sql);
  await configureStage(stage, { agents: 5 });
}, 60_000);
afterEach(() => stage.stop());

/** A small batch makes one router slow enough for the load, as a large database would. */
const startRouter = () => stage.start("router", { LEASE_MS: "1000", BATCH_LINES_MAX: "4", TRANSACTIONS_MAX: "1" });

/** The one figure that the controller sees, from a service that is no router. */
async function readLagSeconds(): Promise<number> {
  const families = readExposition(await (await fetch(`${tracker.url}/metrics`)).text());
  const samples = families.find(({ name }) => name === "turno_inbound_oldest_max_seconds")?.samples ?? [];
  return samples.find(({ labels }) => labels["reader"] === "router")?.value ?? Number.NaN;
}

/**
 * Scales once, as a horizontal autoscaler with this metric does: one router for each target's worth of lag, within the limits.
 * Where there is no figure it changes nothing. It goes down by one router a look.
 */
async function scale(): Promise<void> {
  const lag = await readLagSeconds();
  if (Number.isNaN(lag)) return;
  const wanted = Math.min(ROUTERS_MAX, Math.max(1, Math.ceil(lag / TARGET_SECONDS)));
  while (routers.length < wanted) routers.push(await startRouter());
  if (routers.length > wanted) await routers.pop()?.stop();
}

it("routers go from one to four and back under load by the lag alone, and neither customers nor agents notice", async () => {
  const updates = Array.from({ length: MESSAGES }, (_, index) => ({
    id: `wamid.${index}`,
    userId: `US.${index % CUSTOMERS}`,
    text: String(index),
  }));
  const counts: number[] = [];
  const look = async () => {
    await scale();
    if (routers.length !== counts.at(-1)) counts.push(routers.length);
  };
  await waitFor(async () => !Number.isNaN(await readLagSeconds()), { what: "the lag has a figure" });
  await stage.publish(updates, 16);
  const applied = async () => {
    const [row] = await stage.sql<{ count: number }[]>`select count(*)::int as count from messages`;
    return row?.count ?? 0;
  };
  await waitFor(
    async () => {
      await look();
      return Math.max(...counts) === ROUTERS_MAX && (await applied()) === MESSAGES;
    },
    { what: "four routers have made everything take effect", timeoutMs: 240_000 },
  );
  await waitFor(
    async () => {
      await look();
      return routers.length === 1;
    },
    { what: "one router is left", timeoutMs: 120_000 },
  );
  expect(Math.max(...counts)).toBe(ROUTERS_MAX);

  // One conversation a customer, all of them with an agent, in the order in which they wrote, and turns in turn.
  const rows = await stage.sql<{ conversationId: string; said: number }[]>`
    select events.entity_id as "conversationId", split_part(messages.key, '.', 2)::int as said
    from events join messages on messages.id = events.message_id
    where events.type = 'message.received' order by events.entity_id, events.sequence`;
  expect(rows).toHaveLength(MESSAGES);
  const perConversation = Map.groupBy(rows, ({ conversationId }) => conversationId);
  expect(perConversation.size).toBe(CUSTOMERS);
  for (const said of perConversation.values()) {
    expect(said.map((row) => row.said)).toEqual(said.map((row) => row.said).toSorted((one, other) => one - other));
  }
  const open = await stage.sql`select from conversations where state = 'active'`;
  expect(open).toHaveLength(CUSTOMERS);
  const judged = await judgeTurns(stage.sql);
  expect(judged).toMatchObject({ faults: [] });
}, 400_000);
