import { STREAMS } from "@turno/contracts";
import { readLog } from "@turno/messaging";
import { createCatalogue, createCustomers, createRandom, createSimulator, mangle, signBody } from "@turno/simulator";
import { configureStage, createStage, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const APP_SECRET = "story-secret";
const GATEWAY = { WHATSAPP_APP_SECRETS: APP_SECRET, WHATSAPP_VERIFY_TOKENS: "story-token" };
const CHANNEL = { accountId: "100", phoneNumberId: "123", displayPhoneNumber: "15550001111" };

let stage: Stage;
let url: string;
beforeEach(async () => {
  stage = await createStage();
  const [gateway] = await Promise.all([stage.start("gateway", GATEWAY), stage.start("router"), stage.start("router")]);
  url = `${gateway.url}/webhooks/whatsapp`;
  await configureStage(stage, { agents: 5 });
});
afterEach(() => stage.stop());

const count = async (table: string) =>
  (await stage.sql.unsafe<{ count: number }[]>(`select count(*)::int as count from ${table}`))[0]?.count ?? -1;

const createMeta = (customers: number) =>
  createSimulator({
    url,
    appSecret: APP_SECRET,
    random: createRandom(7),
    now: Date.now,
    customers: createCustomers({ count: customers, random: createRandom(1) }),
    channels: [CHANNEL],
    traffic: { pattern: "round-robin", mix: { text: 1 } },
  });

describe("the main path, from a signed POST to an event", () => {
  it("makes 1,000 messages of 300 customers in one POST take effect once and in order, however often the POST comes again", async () => {
    const meta = createMeta(300);
    const updates = Array.from({ length: 1_000 }, (_, index) => {
      const customer = meta.customers[index % 300];
      if (customer === undefined) throw new Error("no customer");
      return meta.message({ customer, type: "text", text: String(index) });
    });
    expect(await meta.post(updates)).toBe(true);
    await waitFor(async () => (await count("messages")) === 1_000, { what: "1,000 effects", timeoutMs: 30_000 });
    for (let again = 0; again < 5; again++) expect(await meta.post(updates)).toBe(true);
    // A last message of another customer follows all repetitions in every partition's log.
    await meta.post(meta.customers.map((customer) => meta.message({ customer, type: "text", text: "9999" })));
    await waitFor(async () => (await count("messages")) === 1_300, {
      what: "the repetitions are behind",
      timeoutMs: 30_000,
    });
    expect(await count("conversations")).toBe(300);

    await waitFor(async () => (await count("outbox")) === 0, { what: "every event is published" });
    const texts = await readTexts(1_300);
    expect(texts.size).toBe(300);
    for (const ofOne of texts.values()) expect(ofOne).toEqual(ofOne.toSorted((a, b) => a - b));
    expect(
      [...texts.values()]
        .flat()
        .filter((text) => text !== 9_999)
        .toSorted((a, b) => a - b),
    ).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    await meta.stop();
  }, 90_000);

  it("answers 200 to every message type and field Meta has and keeps each; what is not understood stays raw", async () => {
    const meta = createMeta(1);
    const [customer] = meta.customers;
    if (customer === undefined) throw new Error("no customer");
    const samples = createCatalogue({ customer, channel: CHANNEL, at: Date.now(), salt: "story" });
    for (const sample of samples) {
      expect([sample.name, (await meta.postRaw(sample.body)).status]).toEqual([sample.name, 200]);
    }
    const random = createRandom(11);
    for (let index = 0; index < 200; index++) {
      const body = mangle(samples[index % samples.length]?.body ?? "", random);
      const { status } = await meta.postRaw(body);
      expect([index, status]).toEqual([index, 200]);
    }
    const unsigned = await meta.postRaw(samples[0]?.body ?? "", { signature: null });
    const forged = await meta.postRaw(samples[0]?.body ?? "", {
      signature: signBody("another", samples[0]?.body ?? ""),
    });
    expect([unsigned.status, forged.status]).toEqual([401, 401]);

    const updates = await everyKey();
    await waitFor(
      async () => {
        const [row] = await stage.sql<{ keys: string[] }[]>`
          select array(select key from messages union select key from observations union select key from dead_letters) as keys`;
        const known = new Set(row?.keys);
        return [...updates].every((key) => known.has(key));
      },
      { what: "every stored update has an effect, an observation or a dead letter", timeoutMs: 20_000 },
    );
    await meta.stop();
  }, 90_000);
});

/** The texts of all received messages on `EVENTS`, by conversation, in stream order. */
async function readTexts(total: number): Promise<Map<string, number[]>> {
  const reading = await readLog(stage.connection, {
    stream: STREAMS.events,
    subjects: ["turno.v1.event.message.received.>"],
    startSequence: 1,
  });
  const texts = new Map<string, number[]>();
  let seen = 0;
  for await (const record of reading.records) {
    const { data } = JSON.parse(record.text()) as {
      data: { conversationId: string; content: { text: { body: string } } };
    };
    const ofOne = texts.get(data.conversationId) ?? [];
    texts.set(data.conversationId, [...ofOne, Number(data.content.text.body)]);
    if (++seen === total) break;
  }
  await reading.stop();
  return texts;
}

/** The dedupe keys of everything that lies in the message lane of the inbound log. */
async function everyKey(): Promise<Set<string>> {
  const manager = await stage.connection.nats.jetstreamManager();
  const info = await manager.streams.info(STREAMS.inbound, { subjects_filter: "turno.v1.inbound.message.0" });
  const total = Object.values(info.state.subjects ?? {}).reduce((sum, records) => sum + records, 0);
  const reading = await readLog(stage.connection, {
    stream: STREAMS.inbound,
    subjects: ["turno.v1.inbound.message.0"],
    startSequence: 1,
  });
  const keys = new Set<string>();
  let seen = 0;
  for await (const record of reading.records) {
    for (const line of record.text().split("\n")) keys.add((JSON.parse(line) as { key: string }).key);
    if (++seen === total) break;
  }
  await reading.stop();
  return keys;
}
