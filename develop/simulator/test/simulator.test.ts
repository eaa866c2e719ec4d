import { afterEach, describe, expect, it } from "vitest";
import { createCustomers, createRandom, createSimulator, type Simulator, type SimulatorOptions } from "../src/index.ts";
import { type Behaviour, startFlakyGateway } from "./flaky-gateway.ts";

const channels = [{ accountId: "100", phoneNumberId: "200", displayPhoneNumber: "15550001111" }];
/** An answer that is late on a busy machine would be resent, and counted twice: where none comes the test says so itself. */
const quick = { timeoutMs: 20_000, retryMs: 5, retryMsMax: 40 };

type Gateway = Awaited<ReturnType<typeof startFlakyGateway>>;
const opened: { simulator?: Simulator; gateway: Gateway }[] = [];

async function open(behave: (post: number) => Behaviour, options: Partial<SimulatorOptions> = {}, customerCount = 20) {
  const gateway = await startFlakyGateway(behave);
  const simulator = createSimulator({
    url: gateway.url,
    appSecret: "secret",
    random: createRandom(7),
    now: () => 1_790_000_000_000,
    customers: createCustomers({ count: customerCount, random: createRandom(1) }),
    channels,
    ...options,
    delivery: { ...quick, ...options.delivery },
  });
  opened.push({ simulator, gateway });
  return { gateway, simulator };
}

afterEach(async () => {
  for (const { simulator, gateway } of opened.splice(0)) {
    await simulator?.stop();
    await gateway.close();
  }
});

describe("delivery", () => {
  it("resends whatever is not answered exactly 200, until each update was, and the ledger agrees with the endpoint", async () => {
    const random = createRandom(3);
    const behaviours: Behaviour[] = ["accept", "refuse", "created", "hang", "reset", "reset-after-body"];
    const delivery = { timeoutMs: 1_000 };
    const { gateway, simulator } = await open(() => behaviours[Math.floor(random() * 6)] as Behaviour, { delivery });

    await simulator.flood(500, { batch: { least: 1, most: 40 } }).finished;
    await simulator.drain();

    const acceptedIds = gateway.accepted().flatMap(({ ids }) => ids);
    expect(acceptedIds).toHaveLength(500);
    expect(new Set(acceptedIds)).toEqual(new Set([...simulator.ledger.accepted()].map(({ id }) => id)));
    const entries = [...simulator.ledger.entries()];
    expect(entries.every(({ acceptedCount, sentCount }) => acceptedCount === 1 && sentCount >= 1)).toBe(true);
    expect(entries.reduce((sum, { sentCount }) => sum + sentCount, 0)).toBeGreaterThan(500);
    expect(simulator.stats()).toMatchObject({ updates: 500, updatesAccepted: 500, pending: 0, givenUp: 0 });
  });

  it("signs the exact bytes of every POST", async () => {
    const { gateway, simulator } = await open(() => "accept");

    simulator.burst(50, { least: 1, most: 5 });
    await simulator.drain();

    expect(gateway.arrivals.every(({ isSigned }) => isSigned)).toBe(true);
  });

  it("puts 1,000 updates into one POST and writes ASCII only, with slashes escaped", async () => {
    const { gateway, simulator } = await open(() => "accept", { traffic: { pattern: "round-robin" } }, 300);

    const posts = simulator.burst(1_000);
    await simulator.drain();

    expect(posts).toBe(1);
    expect(gateway.arrivals[0]?.ids).toHaveLength(1_000);
    const text = gateway.arrivals[0]?.body.toString("latin1") ?? "";
    expect(gateway.arrivals[0]?.body.every((byte) => byte < 0x7f)).toBe(true);
    expect(text).toMatch(/\\ud83[cd]/);
    expect(text).not.toMatch(/[^\\]\//);
    expect(new Set([...simulator.ledger.entries()].map(({ customer }) => customer)).size).toBe(300);
  });

  it("gives up after the set time, and says so", async () => {
    const { simulator } = await open(() => "refuse", { delivery: { giveUpAfterMs: 30 } });

    const isAccepted = await simulator.post([simulator.message({ customer: simulator.customers[0]! })]);

    expect(isAccepted).toBe(false);
    expect(simulator.stats()).toMatchObject({ givenUp: 1, pending: 0, updatesAccepted: 0 });
  });

  it("repeats a share of what was answered 200, the same bytes", async () => {
    const { gateway, simulator } = await open(() => "accept", { delivery: { repeatShare: 1, repeatCountMax: 3 } });

    simulator.burst(40, { least: 1, most: 4 });
    await simulator.drain();

    const { accepted, repeated } = simulator.stats();
    expect(repeated).toBeGreaterThanOrEqual(accepted);
    expect(gateway.arrivals).toHaveLength(accepted + repeated);
    expect(new Set(gateway.arrivals.map(({ body }) => body.toString())).size).toBe(accepted);
    expect([...simulator.ledger.entries()].every(({ acceptedCount }) => acceptedCount >= 2)).toBe(true);
  });
});

describe("order", () => {
  it("sends a customer's later delivery only once the earlier one was answered 200, where order is strict", async () => {
    const random = createRandom(5);
    const behave = () => (random() < 0.4 ? "refuse" : "accept") as Behaviour;
    const strict = { isStrictPerCustomer: true, delayShare: 0.3, delayMsMax: 10 };
    const { gateway, simulator } = await open(behave, { delivery: strict });

    simulator.burst(600, { least: 1, most: 6 });
    await simulator.drain();

    const seen = new Map<number, number>();
    const byId = new Map([...simulator.ledger.entries()].map((entry) => [entry.id, entry]));
    for (const id of gateway.accepted().flatMap(({ ids }) => ids)) {
      const { customer, ordinal } = byId.get(id)!;
      expect(ordinal).toBe((seen.get(customer) ?? 0) + 1);
      seen.set(customer, ordinal);
    }
    expect([...seen.values()].reduce((sum, count) => sum + count, 0)).toBe(600);
  });

  it("mixes updates up within the window, where one is set, and loses none", async () => {
    const { gateway, simulator } = await open(() => "accept", { reorderWindow: 30, delivery: { concurrency: 1 } }, 1);

    simulator.burst(200, { least: 10, most: 10 });
    await simulator.drain();

    const sent = gateway.arrivals.flatMap(({ ids }) => ids);
    const written = [...simulator.ledger.entries()].map(({ id }) => id);
    expect(sent).not.toEqual(written);
    expect(new Set(sent)).toEqual(new Set(written));
  });
});

describe("determinism", () => {
  it("sends the same bytes in the same order for the same seed, whatever the network does", async () => {
    const sent: string[][] = [];
    const networks: ((post: number) => Behaviour)[] = [
      () => "accept",
      (post) => (post % 3 === 0 ? "refuse" : "accept"),
    ];
    for (const behave of networks) {
      const options = {
        random: createRandom(99),
        delivery: { concurrency: 1 },
        reorderWindow: 10,
        traffic: { statusShare: 0.2 },
      };
      const { gateway, simulator } = await open(behave, options);
      simulator.burst(100, { least: 1, most: 10 });
      await simulator.flood(100).finished;
      await simulator.drain();
      sent.push(
        gateway
          .accepted()
          .map(({ body }) => body.toString())
          .toSorted(),
      );
    }

    expect(sent[0]).toEqual(sent[1]);
  });
});

describe("plays", () => {
  it("steady ends after its count and keeps about its rate", async () => {
    const { simulator } = await open(() => "accept");
    const startedAt = performance.now();

    await simulator.steady({ perSecond: 1_000, count: 200 }).finished;
    await simulator.drain();

    expect(simulator.stats().updatesAccepted).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThan(100);
  });

  it("stop ends plays and deliveries that would go on for ever, and counts what was on its way as unanswered", async () => {
    const { simulator } = await open(() => "hang", { delivery: { timeoutMs: 60_000 } });
    const play = simulator.steady({ perSecond: 500 });
    const refused = simulator.post([simulator.message({ customer: simulator.customers[0]! })]);

    await simulator.stop();
    await play.finished;

    expect(await refused).toBe(false);
    expect(simulator.stats().updatesAccepted).toBe(0);
  });

  it("a raw body goes out once, unsigned or wrongly signed where asked", async () => {
    const { gateway, simulator } = await open(() => "refuse");
    const body = '{"entry":[]}';

    const unsigned = await simulator.postRaw(body, { signature: null });
    const signed = await simulator.postRaw(body);

    expect([unsigned.status, signed.status]).toEqual([503, 503]);
    expect(gateway.arrivals.map(({ isSigned }) => isSigned)).toEqual([false, true]);
  });
});
