import { requestCommand } from "@turno/messaging";
import { waitFor } from "@turno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { leaseSends } from "../src/sending/lease-sends.ts";
import { createCircuitSteps, LATER, OUT, template } from "./fixtures/circuits.ts";
import { requestSends, shareGround, waitUntilSettled, type SenderWorld } from "./fixtures/world.ts";

const openWorld = shareGround();
let world: SenderWorld;
afterEach(() => world?.close());
const { listCircuits, untilStopped, untilGone, reset, sendOf, untilState, untilOut, talkAt, calledIds } =
  createCircuitSteps(() => world);

describe("a stop is as narrow as its cause", () => {
  it("C02: what the account may not send to one country fails with the reason, and nothing else stops", async () => {
    world = await openWorld();
    const barred = talkAt(1).customer;
    world.graph.fail({ fault: { kind: "error", code: 130497 }, when: (_, { customer }) => customer === barred });
    await world.startSender();
    const [abroad, next, home] = await requestSends(world, [
      { talk: talkAt(1) },
      { talk: talkAt(1) },
      { talk: talkAt(2), ...template },
    ]);
    await untilState(abroad, "failed");
    await untilState(next, "failed");
    await untilOut(home);
    expect((await sendOf(abroad))?.error).toMatchObject({
      code: 130497,
      message: expect.stringContaining("in this country") as string,
    });
    expect(await listCircuits()).toEqual([]);
  });

  it("C03: a permission that is missing for one number stops that number and says so; others go on", async () => {
    world = await openWorld({ channels: 5, customers: 10 });
    const codes = new Map([3, 10, 230, 131005].map((code, index) => [String(200 + index), code]));
    const lifts = [...codes].map(([number, code]) =>
      world.graph.fail({ fault: { kind: "error", code }, when: (_, { phoneNumberId }) => phoneNumberId === number }),
    );
    await world.startSender(LATER);
    const first = await requestSends(
      world,
      [0, 1, 2, 3].map((index) => ({ talk: talkAt(index) })),
    );
    const circuits = await waitFor(
      async () => {
        const found = await listCircuits();
        return found.length === 4 ? found : false;
      },
      { what: "four circuits are open" },
    );
    expect(new Map(circuits.map(({ key, code }) => [key, code]))).toEqual(codes);
    for (const { scope, reason } of circuits) expect(`${scope}: ${reason}`).toMatch(/^number: .*permission/);
    const [held, other] = await requestSends(world, [{ talk: talkAt(5) }, { talk: talkAt(4) }]);
    await untilOut(other);
    expect(await sendOf(held)).toMatchObject({ state: "waiting", attempt: 0 });
    for (const lift of lifts) lift();
    await Promise.all(circuits.map(reset));
    await Promise.all([...first, held].map(untilOut));
  });

  it("C04: an unpaid template holds the account's templates; answers go on, and one that is charged ends it", async () => {
    world = await openWorld({ channels: 2, accountIds: ["100", "101"] });
    const lift = world.graph.fail({
      fault: { kind: "error", code: 131042 },
      when: (send, { accountId }) => send.template !== null && accountId === "100",
    });
    const sender = await world.startSender(LATER);
    const [first] = await requestSends(world, [{ talk: talkAt(0), ...template }]);
    expect(await untilStopped("templates")).toMatchObject({ key: "100", code: 131042, tries: 0 });
    const [behind, second, answer, elsewhere] = await requestSends(world, [
      { talk: talkAt(0) },
      { talk: talkAt(2), ...template },
      { talk: talkAt(4) },
      { talk: talkAt(1), ...template },
    ]);
    await untilOut(answer);
    await untilOut(elsewhere);
    expect(await sendOf(first)).toMatchObject({ state: "waiting", attempt: 1 });
    expect(await sendOf(second)).toMatchObject({ state: "waiting", attempt: 0 });
    await waitFor(
      async () => {
        const metrics = await (await fetch(`${sender.url}/metrics`)).text();
        return (
          /turno_sender_circuits\{[^}]*scope="templates"[^}]*\} 1/.test(metrics) &&
          /turno_sender_waiting_sends\{[^}]*reason="stopped"[^}]*\} 2/.test(metrics)
        );
      },
      { what: "the metrics show what is stopped and waits" },
    );
    lift();
    await world.sql`update circuits set try_at = now()`;
    await untilGone();
    await Promise.all([first, behind, second].map(untilOut));
    const order = calledIds().filter((id) => id === first || id === behind);
    expect(order).toEqual([first, behind]);
  });

  it("C04: an answer that is not paid for fails by its own word, and the next one is tried", async () => {
    world = await openWorld();
    world.graph.fail({ fault: { kind: "error", code: 131042 }, times: 1 });
    await world.startSender(LATER);
    const [refused, next] = await requestSends(world, [{ talk: talkAt(1) }, { talk: talkAt(1) }]);
    await untilState(refused, "failed");
    await untilOut(next);
    expect((await sendOf(refused))?.error?.message).toContain("payment");
  });

  it("C04: that one template was not paid for later on is no proof about others", async () => {
    world = await openWorld();
    world.graph.fail({ fault: { kind: "failed", code: 131042 }, times: 1 });
    await world.startSender(LATER);
    const [failed] = await requestSends(world, [{ talk: talkAt(1), ...template }]);
    await untilState(failed, "failed");
    const [next] = await requestSends(world, [{ talk: talkAt(2), ...template }]);
    await untilOut(next);
    expect(await listCircuits()).toEqual([]);
  });
});

describe("the tokens of two businesses", () => {
  const actor = { kind: "service" as const, name: "developer" };
  const key = (id: string) => `${id}:${Buffer.alloc(32, id).toString("base64")}`;
  const under = (...ids: string[]) => ({ ...LATER, WHATSAPP_ACCESS_TOKEN: "", TOKEN_KEYS: ids.map(key).join() });
  /** Accounts and numbers by the letter that their tokens begin with. */
  const OWNERS = { A: ["100", "200"], B: ["101", "201"] };
  const tokenOf = (business: keyof typeof OWNERS, round: number) => `EAA${business}ofThisTest${round}`;
  const businesses = (accessTokens: readonly string[]) => ({
    channels: 2,
    customers: 20,
    accountIds: ["100", "101"],
    graph: {
      accessTokens,
      reaches: (token: string, owner: string) => OWNERS[token[3] as keyof typeof OWNERS].includes(owner),
    },
  });
  const setToken = async (account: string, token: string | null) => {
    const place = { scope: "account" as const, key: account };
    const reply = await requestCommand(world.connection, "set-access-token", { actor, ...place, token });
    if (!("ok" in reply)) throw new Error(reply.refusal.message);
    return reply;
  };
  const readWhole = async () => {
    const tables = await world.sql<{ name: string }[]>`
      select table_name as name from information_schema.tables where table_schema = 'public'`;
    const rows = await Promise.all(
      tables.map(({ name }) => world.sql<{ text: string }[]>`select row::text as text from ${world.sql(name)} as row`),
    );
    return rows.flat().map(({ text }) => text);
  };

  it("one dies, the other goes on, a new one ends the stop; what has none waits, and the database holds none in clear", async () => {
    const accepted = [tokenOf("A", 1), tokenOf("B", 1)];
    world = await openWorld(businesses(accepted));
    const senders = await Promise.all([1, 2].map(() => world.startSender(under("k1"))));
    const early = await requestSends(world, [{ talk: talkAt(0) }, { talk: talkAt(1) }]);
    await waitFor(
      async () => {
        const metrics = await Promise.all(senders.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
        return metrics.every((text) => /turno_sender_waiting_sends\{[^}]*reason="no-token"[^}]*\} 2/.test(text));
      },
      { what: "both wait for a token" },
    );
    const of = { A: await setToken("100", accepted[0] ?? ""), B: await setToken("101", accepted[1] ?? "") };
    expect(of).toMatchObject({ A: { channels: 1 }, B: { channels: 1 } });
    await Promise.all(early.map(untilOut));

    accepted.splice(0, 1);
    const [stopped, other] = await requestSends(world, [{ talk: talkAt(2) }, { talk: talkAt(3), ...template }]);
    expect(await untilStopped("token")).toMatchObject({ key: of.A.fingerprint, code: 190 });
    await untilOut(other);
    const [behind, later] = await requestSends(world, [{ talk: talkAt(4) }, { talk: talkAt(5) }]);
    await untilOut(later);
    expect(await sendOf(stopped)).toMatchObject({ state: "waiting", attempt: 1 });
    expect(await sendOf(behind)).toMatchObject({ state: "waiting", attempt: 0 });

    accepted.push(tokenOf("A", 2));
    await setToken("100", tokenOf("A", 2));
    await Promise.all([stopped, behind].map(untilOut));
    expect(await listCircuits()).toEqual([]);

    const listed = await requestCommand(world.connection, "list-access-tokens", { actor });
    expect(listed).toMatchObject({ hasFallback: false, keyIds: ["k1"], tokens: [{ key: "100" }, { key: "101" }] });
    for (const text of [...(await readWhole()), JSON.stringify(listed)]) expect(text).not.toContain("EAA");
  });

  it("a row that is moved to another business opens nothing, and stops what would be sent with it until its token is set", async () => {
    world = await openWorld(businesses([tokenOf("A", 1), tokenOf("B", 1)]));
    await world.startSender(under("k1"));
    await setToken("100", tokenOf("A", 1));
    await setToken("101", tokenOf("B", 1));
    await world.sql`
      update access_tokens set sealed = (select sealed from access_tokens where key = '100') where key = '101'`;
    const [held, other] = await requestSends(world, [{ talk: talkAt(1) }, { talk: talkAt(0) }]);
    expect((await untilStopped("token")).reason).toContain("the access token of account 101 cannot be read");
    await untilOut(other);
    expect(calledIds()).toEqual([other]);
    await setToken("101", tokenOf("B", 1));
    await untilOut(held);

    // A channel's id is a UUID, which people may write in capitals.
    const [channel] = await world.sql<{ id: string }[]>`select id from channels where phone_number_id = '201'`;
    const place = { scope: "channel" as const, key: String(channel?.id).toUpperCase() };
    const own = await requestCommand(world.connection, "set-access-token", { actor, ...place, token: tokenOf("B", 1) });
    expect(own).toMatchObject({ key: channel?.id, channels: 1 });
    const [last] = await requestSends(world, [{ talk: talkAt(1) }]);
    await untilOut(last);
  });

  it("tokens change and keys rotate under load, from one sender to the next, without a failed send", async () => {
    const accepted = [tokenOf("A", 1), tokenOf("B", 1), tokenOf("B", 2)];
    world = await openWorld(businesses(accepted));
    const first = await world.startSender(under("k1"));
    await setToken("100", accepted[0] ?? "");
    await setToken("101", accepted[1] ?? "");
    let isDone = false;
    const ids: string[] = [];
    const load = async () => {
      while (!isDone) {
        ids.push(
          ...(await requestSends(
            world,
            world.talks.map((talk) => ({ talk })),
          )),
        );
        await waitUntilSettled(world);
      }
    };
    const change = async () => {
      const second = await world.startSender(under("k2", "k1"));
      await first.stop();
      const rotated = await requestCommand(world.connection, "rotate-token-keys", { actor });
      expect(rotated).toEqual({ ok: true, keyId: "k2", rotated: 2, unreadable: [], left: [] });
      await world.startSender(under("k2"));
      await second.stop();
      await setToken("101", tokenOf("B", 2));
      const told = ids.length;
      await waitFor(() => ids.length > told + world.talks.length, { what: "a whole round went out with the new one" });
      isDone = true;
    };
    await Promise.all([load(), change()]);
    const sent = [...(await world.readSends()).values()];
    expect(new Set(sent.map(({ state, attempt }) => `${OUT.includes(state) ? "out" : state} ${attempt}`))).toEqual(
      new Set(["out 1"]),
    );
    await world.graph.drain();
    expect(new Set(ids.map((id) => world.graph.ledger.reachedCount(id)))).toEqual(new Set([1]));
  });

  it("a number has the rate of its channel over all senders, and what a sender has no key for is left to others", async () => {
    world = await openWorld({ channels: 2, customers: 20, accountIds: ["100", "101"] });
    await world.sql`update channels set rate_per_second = 8 where phone_number_id = '201'`;
    await requestSends(
      world,
      world.talks.map((talk) => ({ talk })),
    );
    const rate = { intervalMs: 100_000, burst: 5 };
    const claim = {
      limit: 20,
      leaseMs: 60_000,
      tokenKey: "of-the-test",
      rates: { number: rate, pair: rate },
      tryWaits: { firstMs: 60_000, maxMs: 900_000 },
      limits: { waitMsMax: 3_600_000 },
    };
    // What another sender's key opens is left to that one.
    await world.sql`
      insert into access_tokens (scope, key, fingerprint, key_id, sealed, set_at, set_by)
      values ('account', '100', 'f', 'k2', '', now(), '{}')`;
    const without = await leaseSends(world.sql, { ...claim, keyIds: ["k1"] });
    expect(new Set(without.sends.map(({ phoneNumberId }) => phoneNumberId))).toEqual(new Set(["201"]));
    await world.sql`delete from access_tokens`;
    const leases = await Promise.all([1, 2, 3].map(() => leaseSends(world.sql, claim)));
    const numbers = leases.flatMap(({ sends }) => sends.map(({ phoneNumberId }) => phoneNumberId)).toSorted();
    expect(numbers.filter((number) => number === "200")).toHaveLength(5);
    // A quarter of a second's at once, and what comes to fit while the three ask.
    const own = numbers.length - 5;
    expect(own + without.sends.length).toBeGreaterThanOrEqual(2);
    expect(own).toBeLessThan(8);
  });
});
