import { EVENT_SUBJECTS, STREAMS } from "@turno/contracts";
import { readLog, readLogEnd } from "@turno/messaging";
import { createCustomers, createRandom, createSimulator } from "@turno/simulator";
import { startPostgres, type RunningServer } from "@turno/servers";
import { connectToDatabase } from "@turno/database";
import { configureStage, createStage, waitFor, type Stage } from "@turno/testing";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const SEED = Number(process.env["SEED"] ?? 42);
const ROUNDS = Number(process.env["CHAOS_ROUNDS"] ?? 8);
const GATEWAY = { WHATSAPP_APP_SECRETS: "chaos-secret", WHATSAPP_VERIFY_TOKENS: "chaos-token" };

let folder: string;
let postgres: RunningServer;
let stage: Stage;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "turno-chaos-"));
  // Root's Postgres runs as another user, who must be able to enter.
  await chmod(folder, 0o755);
  postgres = await startPostgres({ dataDir: join(folder, "postgres") });
  stage = await createStage();
});
afterEach(async () => {
  await stage.stop();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

describe(`killing everything at random under load (seed ${SEED})`, () => {
  it("keeps what was answered 200, once and in order, and nothing else", async () => {
    const environment = { DATABASE_URL: postgres.url, LEASE_MS: "1000" };
    const port = { PORT: "0" };
    let gateway = await stage.start("gateway", { ...GATEWAY, ...port });
    const routers = [await stage.start("router", environment), await stage.start("router", environment)];
    await configureStage(stage, { agents: 5 });
    const meta = createSimulator({
      url: `${gateway.url}/webhooks/whatsapp`,
      appSecret: "chaos-secret",
      random: createRandom(SEED),
      now: Date.now,
      customers: createCustomers({ count: 200, random: createRandom(1) }),
      channels: [{ accountId: "100", phoneNumberId: "123", displayPhoneNumber: "15550001111" }],
      delivery: { isStrictPerCustomer: true, repeatShare: 0.05, retryMs: 50, retryMsMax: 500, timeoutMs: 6_000 },
      traffic: { pattern: "round-robin", mix: { text: 1 } },
    });
    const play = meta.steady({ perSecond: 400 });
    const random = createRandom(SEED + 1);
    for (let round = 0; round < ROUNDS; round++) {
      // The load goes on for a random while between two blows: this is the experiment's clock, not a wait for a condition.
      await pause(200 + random() * 800);
      const victim = Math.floor(random() * 4);
      if (victim === 0) {
        await stage.nats.kill("SIGKILL");
        await stage.nats.restart();
      } else if (victim === 1) {
        await postgres.kill("SIGKILL");
        await postgres.restart();
      } else if (victim === 2) {
        await gateway.kill("SIGKILL");
        gateway = await stage.start("gateway", { ...GATEWAY, PORT: String(gateway.port) });
      } else {
        await routers.shift()?.kill("SIGKILL");
        routers.push(await stage.start("router", environment));
      }
    }
    play.stop();
    await meta.drain();

    const sql = connectToDatabase(postgres.url, { connectionsMax: 2, name: "chaos-test" });
    const accepted = [...meta.ledger.accepted()];
    expect(accepted.length).toBe(meta.ledger.size);
    await waitFor(
      async () => (await sql`select count(*)::int as count from messages`)[0]?.["count"] === accepted.length,
      { what: `${accepted.length} accepted messages have taken effect`, timeoutMs: 60_000 },
    );
    const stored = await sql<{ key: string }[]>`select key from messages`;
    expect(new Set(stored.map(({ key }) => key))).toEqual(new Set(accepted.map(({ id }) => `msg:${id}`)));

    const ordinals = new Map(accepted.map(({ id, customer, ordinal }) => [`msg:${id}`, { customer, ordinal }]));
    const inOrder = await sql<{ key: string; entityId: string }[]>`
      select messages.key, events.entity_id as "entityId" from events join messages on messages.id = events.message_id
      order by events.entity_id, events.sequence`;
    for (const ofOne of Map.groupBy(inOrder, ({ entityId }) => entityId).values()) {
      const seen = ofOne.map(({ key }) => ordinals.get(key)?.ordinal ?? 0);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    }
    const [state] = await sql`
      select (select count(*)::int from conversations) as conversations,
        (select count(*)::int from conversations where state <> 'active') as unassigned,
        (select count(*)::int from dead_letters) as "deadLetters"`;
    expect(state).toEqual({ conversations: 200, unassigned: 0, deadLetters: 0 });
    await waitFor(async () => (await sql`select from outbox limit 1`).length === 0, {
      what: "every event is published",
    });

    await meta.stop();
    const committed = await sql<{ id: string }[]>`select id from events`;
    const published = await readEvents();
    expect(committed.filter(({ id }) => !published.ids.has(id))).toEqual([]);
    expect(published.outOfOrder).toEqual([]);
    await sql.end({ timeout: 1 });
  }, 240_000);
});

/** What lies on `EVENTS`: the ids, and the events that came before an earlier one of the same conversation. */
async function readEvents(): Promise<{ ids: Set<string>; outOfOrder: string[] }> {
  const { lastSequence } = await readLogEnd(stage.connection, STREAMS.events);
  const reading = await readLog(stage.connection, {
    stream: STREAMS.events,
    subjects: [EVENT_SUBJECTS],
    startSequence: 1,
  });
  const ids = new Set<string>();
  const outOfOrder: string[] = [];
  const lastOf = new Map<string, number>();
  for await (const record of reading.records) {
    const { id, sequence } = JSON.parse(record.text()) as { id: string; sequence: number };
    const entity = record.header("ce-subject");
    // A repetition is allowed; a new event behind a later one is not.
    if (!ids.has(id) && sequence !== (lastOf.get(entity) ?? 0) + 1) outOfOrder.push(`${entity} ${sequence}`);
    if (!ids.has(id)) lastOf.set(entity, sequence);
    ids.add(id);
    if (record.sequence >= lastSequence) break;
  }
  await reading.stop();
  return { ids, outOfOrder };
}
