import { numberRateKey } from "@turno/conversation";
import type { Transaction } from "@turno/database";
import { requestCommand } from "@turno/messaging";
import { waitFor } from "@turno/testing";
import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { leaseSends } from "../src/sending/lease-sends.ts";
import { createCircuitSteps, LATER, OUT, SOON } from "./fixtures/circuits.ts";
import {
  AGENT_ID,
  shareGround,
  requestSends,
  waitUntilSettled,
  type Talk,
  type SenderWorld,
} from "./fixtures/world.ts";

const openWorld = shareGround();
let world: SenderWorld;
afterEach(() => world?.close());
const { listCircuits, untilStopped, untilGone, reset, sendOf, untilState, untilOut, talkAt, calledIds } =
  createCircuitSteps(() => world);

const rate = { intervalMs: 1, burst: 100 };
const CLAIM = {
  limit: 10,
  leaseMs: 1_000,
  tokenKey: "of-the-test",
  rates: { number: rate, pair: rate },
  tryWaits: { firstMs: 60_000, maxMs: 900_000 },
  limits: { waitMsMax: 3_600_000 },
};

/** Waits until so many senders wait for a lock in a statement with this text. */
async function untilLocked(tx: Transaction, text: string, count: number): Promise<void> {
  const isLocked = async () => {
    // Within a transaction it would show what it showed first.
    await tx`select pg_stat_clear_snapshot()`;
    const rows = await tx`
      select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like ${`%${text}%`}`;
    return rows.length === count;
  };
  await waitFor(isLocked, { what: `${count} wait for a lock ${text}` });
}

describe("a stop is half-open after a while", () => {
  it("one message tries over all senders, again and again, until one goes through and all the others follow", async () => {
    world = await openWorld({ customers: 8, channels: 2 });
    const lift = world.graph.fail({ fault: { kind: "error", code: 131031 } });
    const senders = await Promise.all([1, 2, 3].map(() => world.startSender(SOON)));
    const [first] = await requestSends(world, [{ talk: talkAt(0) }]);
    await untilStopped("account");
    const ids = await requestSends(
      world,
      world.talks.flatMap((talk) => [{ talk }, { talk }]),
    );
    const seen = await waitFor(
      async () => {
        const [circuit] = await listCircuits();
        return circuit !== undefined && circuit.tries >= 4 ? circuit : false;
      },
      { what: "four messages have tried" },
    );
    const calls = () => world.graph.ledger.refusals().get(131031) ?? 0;
    const before = calls();
    const [after] = await listCircuits();
    // The call that opened it, and one for each try; a try that was just leased may not have arrived.
    expect(before).toBeLessThanOrEqual(1 + (after?.tries ?? 0));
    expect(before).toBeGreaterThanOrEqual(seen.tries);
    expect(new Date(seen.nextTryAt).getTime()).toBeGreaterThan(new Date(seen.openedAt).getTime());
    lift();
    await untilGone();
    await waitUntilSettled(world);
    await world.graph.drain();
    const all = [first ?? "", ...ids];
    expect(all.map((id) => world.graph.ledger.reachedCount(id))).toEqual(all.map(() => 1));
    for (const { conversationId } of world.talks) {
      const rows = await world.readSends();
      const ordinals = calledIds().flatMap((id) => {
        const row = rows.get(id);
        return row?.conversationId === conversationId ? [row.ordinal] : [];
      });
      expect(ordinals).toEqual(ordinals.toSorted((a, b) => a - b));
    }
    const told = senders.flatMap((sender) => sender.logs()).filter((line) => line.includes("131031"));
    expect(told.filter((line) => line.includes("sending is stopped"))).toHaveLength(1);
    expect(told.filter((line) => line.includes("sending goes on"))).toHaveLength(1);
  });

  it("exactly one message tries, also where several senders come at the same instant", async () => {
    world = await openWorld();
    const { sql } = world;
    await sql`
      insert into circuits (scope, key, state, code, reason, opened_at, try_at)
      values ('account', '100', 'open', 131031, 'locked', now(), now())`;
    await requestSends(
      world,
      world.talks.map((talk) => ({ talk })),
    );
    const claims = await sql.begin(async (tx) => {
      await tx`select from circuits for update`;
      const claiming = [1, 2, 3].map(() => leaseSends(sql, CLAIM));
      await untilLocked(tx, "from circuits", 3);
      // Wrapped, because a transaction would wait for them, and they for it.
      return { claiming };
    });
    const claimed = await Promise.all(claims.claiming);
    expect(claimed.map(({ sends }) => sends.length).toSorted((a, b) => a - b)).toEqual([0, 0, 1]);
    const [circuit] = await sql<{ tries: number; isLater: boolean }[]>`
      select tries, try_at > now() + interval '100 seconds' as "isLater" from circuits`;
    expect(circuit).toEqual({ tries: 1, isLater: true });
  });

  it("holds back a message whose lane was read a moment before the stop", async () => {
    world = await openWorld();
    const { sql } = world;
    await requestSends(world, [{ talk: talkAt(0) }]);
    const numberKey = numberRateKey(talkAt(0).phoneNumberId);
    await sql`insert into rate_limits (key, full_at) values (${numberKey}, 'epoch')`;
    const { claiming } = await sql.begin(async (tx) => {
      await tx`select from rate_limits for update`;
      const claim = leaseSends(sql, CLAIM);
      await untilLocked(tx, "from rate_limits", 1);
      await sql`
        insert into circuits (scope, key, state, code, reason, opened_at, try_at)
        values ('account', '100', 'open', 131031, 'locked', now(), now() + interval '1 minute')`;
      // Wrapped, because a transaction would wait for it, and it for the transaction.
      return { claiming: claim };
    });
    expect((await claiming).sends).toEqual([]);
  });

  it("a try whose sender is killed is unknown, and the next message tries", async () => {
    world = await openWorld();
    world.graph.fail({ fault: { kind: "error", code: 131031 }, times: 1 });
    const lift = world.graph.fail({ fault: { kind: "no-answer", accepts: false } });
    const patient = { ...SOON, SEND_TIMEOUT_MS: "3000", SEND_LEASE_MS: "4000" };
    const victim = await world.startSender(patient);
    const [first] = await requestSends(world, [{ talk: talkAt(1) }]);
    await untilStopped("account");
    await requestSends(world, [{ talk: talkAt(2) }, { talk: talkAt(3) }]);
    const trying = await waitFor(
      async () => [...(await world.readSends()).values()].find(({ state }) => state === "sending") ?? false,
      { what: "a message tries" },
    );
    await victim.kill("SIGKILL");
    // Whether its call had arrived or not: the next sender's is answered.
    lift();
    await world.startSender(patient);
    await untilState(trying.id, "unknown");
    await untilGone();
    await waitUntilSettled(world);
    const rest = [...(await world.readSends()).values()].filter(({ id }) => id !== trying.id);
    expect(rest.map(({ state }) => OUT.includes(state))).toEqual([true, true]);
    expect(first).toBeDefined();
  });
});

describe("a stop that was reset", () => {
  /** Meta's word, resent: that a message failed at an instant, to the second. */
  async function tellFailed(sendId: string, talk: Talk, code: number, at: number): Promise<void> {
    const message = world.graph.ledger.messages().find(({ callbackData }) => callbackData === sendId);
    const item = {
      id: message?.wamid ?? "",
      status: "failed",
      timestamp: String(Math.floor(at / 1_000)),
      recipient_id: "5",
      biz_opaque_callback_data: sendId,
      errors: [{ code, title: "locked", error_data: { details: "Locked." } }],
    };
    const channel = { accountId: "100", phoneNumberId: talk.phoneNumberId, displayPhoneNumber: "1" };
    const { customer } = talk;
    await world.simulator.post([
      { id: `${sendId}:${code}`, kind: "failed", field: "messages", list: "statuses", item, channel, customer },
    ]);
  }

  it("C04: is not opened again by a status that is older than the reset, and is by one that is newer", async () => {
    world = await openWorld({ graph: { statuses: { neverShare: 1 } } });
    await world.startSender(LATER);
    const [early, later] = await requestSends(world, [{ talk: talkAt(1) }, { talk: talkAt(2) }]);
    await untilOut(early);
    await untilOut(later);
    const failedAt = Date.now();
    world.graph.fail({ fault: { kind: "error", code: 131031 }, times: 1 });
    const [refused] = await requestSends(world, [{ talk: talkAt(3) }]);
    const circuit = await untilStopped("account");
    await reset(circuit);
    await untilOut(refused);
    await tellFailed(early ?? "", talkAt(1), 131031, failedAt);
    await untilState(early, "failed");
    expect(await listCircuits()).toEqual([]);
    await tellFailed(later ?? "", talkAt(2), 131031, Date.now() + 1_000);
    await untilState(later, "failed");
    expect(await listCircuits()).toMatchObject([{ scope: "account", key: "100" }]);
  });

  it("is not opened again by the answer to a call that was on its way when it was reset", async () => {
    world = await openWorld({ customers: 6 });
    const { sql } = world;
    await world.startSender({ ...LATER, SEND_TIMEOUT_MS: "5000", SEND_LEASE_MS: "10000" });
    // Closed after the call was leased and before its refusal is written.
    await sql.unsafe(`
      create function reset_first() returns trigger language plpgsql as $$
      begin
        insert into circuits (scope, key, state, code, reason, opened_at, closed_at, try_at)
        values ('account', '100', 'closed', 131031, 'reset', turno_now(), turno_now(), now())
        on conflict do nothing;
        return new;
      end $$`);
    await sql.unsafe(`
      create trigger reset_first after update on sends for each row
      when (old.state = 'waiting' and new.state = 'sending' and new.attempt = 1) execute function reset_first()`);
    world.graph.fail({ fault: { kind: "error", code: 131031 }, times: 1 });
    const [id] = await requestSends(world, [{ talk: talkAt(1) }]);
    await untilOut(id);
    expect((await sendOf(id))?.attempt).toBe(2);
    expect(await listCircuits()).toEqual([]);
  });
});

describe("who may see and end a stop", () => {
  it("an agent neither, an operator those of its groups' channels, and only an admin that of all", async () => {
    world = await openWorld({ channels: 2, accountIds: ["100", "101"] });
    const { sql, connection } = world;
    const [otherGroup, operator, admin] = [randomUUID(), randomUUID(), randomUUID()];
    await sql`insert into groups (id, name, distribution) values (${otherGroup}, 'other', 'manual')`;
    await sql`update channels set group_id = ${otherGroup} where phone_number_id = '201'`;
    await sql`
      insert into agents (id, name, role) values (${operator}, 'operator', 'operator'), (${admin}, 'admin', 'admin')`;
    await sql`insert into group_members (group_id, agent_id) values (${otherGroup}, ${operator})`;
    const keys = { token: "somebody's", account: "100", templates: "101", number: "201" };
    await sql`insert into circuits ${sql(
      Object.entries(keys).map(([scope, key]) => {
        const opened = { code: 1, reason: "r", opened_at: new Date(), try_at: new Date(Date.now() + 600_000) };
        return { scope, key, state: "open", ...opened };
      }),
    )}`;
    await world.startSender();
    const by = (agentId: string) => ({ kind: "agent" as const, agentId });
    const see = async (agentId: string) => {
      const reply = await requestCommand(connection, "list-circuits", { actor: by(agentId) });
      return "ok" in reply ? reply.circuits.map(({ scope }) => scope).toSorted() : reply.refusal.code;
    };
    const end = async (agentId: string, scope: keyof typeof keys) => {
      const reply = await requestCommand(connection, "reset-circuit", { actor: by(agentId), scope, key: keys[scope] });
      return "ok" in reply ? "done" : reply.refusal.code;
    };
    expect(await see(AGENT_ID)).toBe("not-permitted");
    expect(await end(AGENT_ID, "account")).toBe("not-permitted");
    expect(await see(operator)).toEqual(["number", "templates", "token"]);
    expect(await end(operator, "account")).toBe("not-permitted");
    expect(await end(operator, "token")).toBe("not-permitted");
    expect(await end(operator, "number")).toBe("done");
    expect(await end(operator, "templates")).toBe("done");
    expect(await see(admin)).toEqual(["account", "token"]);
    expect(await end(admin, "token")).toBe("done");
    expect(await end(admin, "account")).toBe("done");
    expect(await end(admin, "account")).toBe("not-found");
  });
});
