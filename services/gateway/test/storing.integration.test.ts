import { provisionTestNats, startTestService, startTestNats, waitFor } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { messagesBody, post, SECRET } from "./fixtures/deliveries.ts";
import { readStored } from "./fixtures/stored.ts";

const ids = (name: string, count: number) => Array.from({ length: count }, (_, index) => `wamid.${name}.${index}`);
const environment = (natsUrl: string) => ({
  NATS_URL: natsUrl,
  WHATSAPP_APP_SECRETS: SECRET,
  WHATSAPP_VERIFY_TOKENS: "token",
});

let nats: Awaited<ReturnType<typeof startTestNats>>;
let gateway: Awaited<ReturnType<typeof startTestService>>;
beforeAll(async () => {
  nats = await startTestNats();
  await provisionTestNats(nats);
  gateway = await startTestService("gateway", environment(nats.urlOf("gateway")));
});
afterAll(async () => {
  await gateway?.stop();
  await nats?.stop();
});

test("1,000 messages of one delivery are 1,000 lines in their order, each customer's in one partition", async () => {
  const sent = ids("thousand", 1_000);
  expect((await post(gateway.url, messagesBody(sent, 300))).status).toBe(200);
  const stored = await readStored(nats.url);
  expect(stored.map((line) => line.key)).toEqual(sent.map((id) => `msg:${id}`));
  const partitions = new Map<unknown, Set<number>>();
  for (const line of stored) {
    const { from } = line.update as { from: string };
    partitions.set(from, (partitions.get(from) ?? new Set()).add(line.partition));
  }
  expect(partitions.size).toBe(300);
  expect([...partitions.values()].filter((found) => found.size !== 1)).toEqual([]);
});

test("an update of several megabytes is stored", async () => {
  const text = "x".repeat(3 * 1024 * 1024);
  expect((await post(gateway.url, messagesBody(["wamid.large"], 1, text))).status).toBe(200);
});

describe("with the broker away", () => {
  test("a delivery is answered 503 at once, and 200 within 2 s of the broker's return", async () => {
    await nats.kill("SIGKILL");
    const away = await waitFor(
      async () => {
        const answer = await post(gateway.url, messagesBody(["wamid.away"]));
        return answer.status === 503 ? answer : null;
      },
      { what: "the gateway refuses" },
    );
    expect(away.retryAfter).toBe("1");
    const again = await post(gateway.url, messagesBody(["wamid.away"]));
    expect(again.status).toBe(503);
    expect(again.seconds).toBeLessThan(0.5);

    await nats.restart();
    const backAt = performance.now();
    await waitFor(async () => (await post(gateway.url, messagesBody(["wamid.back"]))).status === 200, {
      what: "the gateway stores again",
    });
    expect(performance.now() - backAt).toBeLessThan(2_000);
    expect((await readStored(nats.url)).map((line) => line.key)).toContain("msg:wamid.back");
  });

  test("a broker that hangs is answered 503 within 3 s, and the gateway goes on when it wakes", async () => {
    await nats.kill("SIGSTOP");
    const answers = await Promise.all(ids("hung", 20).map((id) => post(gateway.url, messagesBody([id]))));
    await nats.kill("SIGCONT");
    expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(503));
    expect(Math.max(...answers.map((answer) => answer.seconds))).toBeLessThan(3);
    await waitFor(async () => (await post(gateway.url, messagesBody(["wamid.woken"]))).status === 200, {
      what: "the gateway stores again",
      timeoutMs: 2_000,
    });
  });
});

test("whatever was answered 200 is stored, though the broker was killed five times under load", async () => {
  const answered: string[] = [];
  let refused = 0;
  let isLoading = true;
  const load = async (worker: number) => {
    for (let round = 0; isLoading; round++) {
      const sent = ids(`load.${worker}.${round}`, 1 + (round % 5));
      const { status } = await post(gateway.url, messagesBody(sent));
      if (status === 200) answered.push(...sent);
      else refused++;
    }
  };
  const workers = Promise.all(Array.from({ length: 8 }, (_, worker) => load(worker)));
  for (let kill = 0; kill < 5; kill++) {
    const before = answered.length;
    await waitFor(() => answered.length > before + 200, { what: "the load flows" });
    await nats.kill("SIGKILL");
    const refusedBefore = refused;
    await waitFor(() => refused > refusedBefore + 8, { what: "deliveries are refused" });
    await nats.restart();
  }
  isLoading = false;
  await workers;
  const stored = new Set((await readStored(nats.url)).map((line) => line.key));
  expect(answered.filter((id) => !stored.has(`msg:${id}`))).toEqual([]);
});

test("after its stream was deleted the gateway stores again as soon as the provisioner has recreated it", async () => {
  const provisioner = await startTestService("provisioner", { NATS_URL: nats.urlOf("provisioner") });
  const { connectToNats } = await import("@turno/messaging");
  const connection = await connectToNats({ url: nats.url, name: "test" });
  await (await connection.nats.jetstreamManager()).streams.delete("INBOUND");
  await connection.close();
  await waitFor(async () => (await post(gateway.url, messagesBody(["wamid.anew"]))).status === 200, {
    what: "the gateway stores again",
  });
  expect((await readStored(nats.url)).map((line) => line.key)).toEqual(["msg:wamid.anew"]);
  await provisioner.stop();
});
