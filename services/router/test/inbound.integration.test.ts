import { inboundSubject, partitionOf } from "@turno/contracts";
import { createPublisher } from "@turno/messaging";
import { configureStage, createStage, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
});
afterEach(() => stage.stop());

const count = async (table: string, where = "true") => {
  const [row] = await stage.sql.unsafe<{ count: number }[]>(
    `select count(*)::int as count from ${table} where ${where}`,
  );
  return row?.count ?? -1;
};
const messages = (total: number, customers: number, from = 0) =>
  Array.from({ length: total }, (_, index) => ({
    id: `wamid.${from + index}`,
    userId: `US.${index % customers}`,
    text: String(from + index),
  }));

/** Texts by conversation, in the order of their events. */
async function textsInOrder(): Promise<string[][]> {
  const rows = await stage.sql<{ entityId: string; text: string }[]>`
    select events.entity_id as "entityId", messages.payload->'text'->>'body' as text
    from events join messages on messages.id = events.message_id order by events.entity_id, events.sequence`;
  const byConversation = Map.groupBy(rows, ({ entityId }) => entityId);
  return [...byConversation.values()].map((ofOne) => ofOne.map(({ text }) => text));
}

describe("the inbound log", () => {
  it("takes effect exactly once and in order per contact, also when all of it comes again", async () => {
    await stage.start("router");
    await configureStage(stage, { agents: 3 });
    const batch = messages(1_000, 300);
    await stage.publish(batch, 1_000);
    await stage.publish(batch, 17);
    await stage.publish(batch, 1_000);
    await waitFor(
      async () => (await count("log_positions", "sequence > 0")) > 0 && (await count("messages")) === 1_000,
      {
        what: "1,000 messages have taken effect",
        timeoutMs: 30_000,
      },
    );
    await stage.publish([{ id: "wamid.last", userId: "US.0", text: "last" }]);
    await waitFor(async () => (await count("messages")) === 1_001, { what: "what came after has taken effect" });
    expect(await count("conversations")).toBe(300);
    expect(await count("events", "type = 'message.received'")).toBe(1_001);
    for (const texts of await textsInOrder()) {
      const numbers = texts.filter((text) => text !== "last").map(Number);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
  }, 60_000);

  it("takes effect once and in order where much waits and several transactions apply it, also when one of them fails", async () => {
    const first = await stage.start("router");
    await configureStage(stage, { agents: 3 });
    await first.stop();
    await stage.sql.unsafe(`
      create sequence test_failures;
      create function fail_once() returns trigger language plpgsql security definer as $$
        begin
          if nextval('test_failures') <= 3 then raise 'failed on purpose' using errcode = 'insufficient_resources'; end if;
          return new;
        end $$;
      create trigger fail_once before insert on messages for each row
        when (new.key in ('msg:wamid.700', 'msg:wamid.2100')) execute function fail_once()`);
    const backlog = messages(3_000, 300);
    await stage.publish(backlog, 10);
    await stage.start("router", { BATCH_LINES_MAX: "100", TRANSACTIONS_MAX: "3" });
    await waitFor(async () => (await count("messages")) === 3_000, {
      what: "all have taken effect",
      timeoutMs: 30_000,
    });
    for (const texts of await textsInOrder()) {
      expect(texts.map(Number)).toEqual(texts.map(Number).toSorted((a, b) => a - b));
    }
    expect(await count("conversations")).toBe(300);
    expect(await count("events", "type = 'message.received'")).toBe(3_000);
    const [failures] = await stage.sql<{ count: number }[]>`select last_value::int as count from test_failures`;
    expect(failures?.count).toBe(5);

    const transactions = await stage.sql<{ keys: string[] }[]>`
      select array_agg(key) as keys from messages group by xmin::text`;
    const parts = new Map(backlog.map(({ id, userId }) => [`msg:${id}`, partitionOf(`user:${userId}`) % 3]));
    const mixed = transactions.filter(({ keys }) => new Set(keys.map((key) => parts.get(key))).size > 1);
    // Only where no more than one batch had come in yet, or was left, is there one transaction for all partitions.
    expect(mixed.flatMap(({ keys }) => keys).length).toBeLessThan(1_000);
  }, 60_000);

  it("goes on past updates that cannot take effect; they are listed, retried when their cause is mended, or discarded", async () => {
    await stage.start("router");
    await configureStage(stage, { agents: 1 });
    await stage.publish([
      { id: "wamid.1", userId: "US.1" },
      { id: "wamid.2", userId: "US.1", phoneNumberId: "999" },
      { id: "wamid.3", userId: "US.1" },
    ]);
    const publisher = createPublisher(stage.connection);
    await publisher.publish(inboundSubject("message"), "not a record", { timeoutMs: 2_000 });
    await stage.publish([{ id: "wamid.4", userId: "US.1" }]);
    await waitFor(async () => (await count("messages")) === 3 && (await count("dead_letters")) === 2, {
      what: "the rest has taken effect",
    });
    const { deadLetters } = await stage.command("list-dead-letters", {});
    const unknown = deadLetters.find(({ key }) => key === "msg:wamid.2");
    expect(unknown?.cause).toMatch(/^unknown-channel/);
    expect(await stage.command("retry-dead-letter", { id: unknown?.id ?? "" })).toMatchObject({ applied: false });

    await stage.command("configure", {
      channels: [{ id: stageId(3, 9), phoneNumberId: "999", name: "Other", groupId: STAGE_GROUP }],
    });
    const again = (await stage.command("list-dead-letters", {})).deadLetters.find(({ key }) => key === "msg:wamid.2");
    expect(await stage.command("retry-dead-letter", { id: again?.id ?? "" })).toMatchObject({
      applied: true,
      cause: null,
    });
    expect(await count("messages")).toBe(4);
    const [garbage] = (await stage.command("list-dead-letters", {})).deadLetters;
    await stage.command("discard-dead-letter", { id: garbage?.id ?? "" });
    expect(await count("dead_letters")).toBe(0);
  });

  it("sets aside what the database refuses, and only that", async () => {
    await stage.start("router");
    await configureStage(stage, { agents: 1 });
    await stage.sql`alter table messages add constraint messages_test_check check (key <> 'msg:wamid.57')`;
    await stage.publish(messages(100, 10), 100);
    await waitFor(async () => (await count("messages")) === 99, { what: "99 have taken effect" });
    const { deadLetters } = await stage.command("list-dead-letters", {});
    expect(deadLetters).toMatchObject([
      { key: "msg:wamid.57", cause: expect.stringContaining("messages_test_check") as string },
    ]);
  });

  it("keeps one conversation for a customer whose messages come at the same instant in many records", async () => {
    await Promise.all([stage.start("router"), stage.start("router"), stage.start("router")]);
    await configureStage(stage, { agents: 2 });
    await stage.publish(messages(200, 4), 1);
    await waitFor(async () => (await count("messages")) === 200, { what: "all have taken effect" });
    expect(await count("conversations")).toBe(4);
  });

  it("refuses the commit of a router that was paused, and lets the others go on with its contacts", async () => {
    const routers = await Promise.all([1, 2].map(() => stage.start("router", { LEASE_MS: "1000" })));
    await configureStage(stage, { agents: 2 });
    await stage.publish(messages(500, 50), 5);
    await waitFor(async () => (await count("messages")) === 500, { what: "both routers work" });
    const [paused] = routers;
    if (paused === undefined) throw new Error("no router");
    process.kill(paused.pid, "SIGSTOP");
    await stage.publish(messages(500, 50, 500), 5);
    await waitFor(async () => (await count("messages")) === 1_000, {
      what: "the other one took over",
      timeoutMs: 60_000,
    });
    process.kill(paused.pid, "SIGCONT");
    await stage.publish(messages(500, 50, 1_000), 5);
    await waitFor(async () => (await count("messages")) === 1_500, { what: "both go on", timeoutMs: 60_000 });
    for (const texts of await textsInOrder()) {
      expect(texts.map(Number)).toEqual(texts.map(Number).toSorted((a, b) => a - b));
    }
  }, 180_000);

  it("hands partitions over at once when a router stops in order", async () => {
    const [first] = await Promise.all([stage.start("router"), stage.start("router")]);
    await waitFor(
      async () => (await count("(select distinct owner from log_positions) as owners", "owner is not null")) === 2,
      {
        what: "both hold partitions",
      },
    );
    await first.stop();
    expect(await count("log_readers")).toBe(1);
    await waitFor(async () => (await count("log_positions", "owner is null")) === 0, {
      what: "the other holds all",
      timeoutMs: 3_000,
    });
  });

  it("moves the watermark only when everything that arrived has taken effect", async () => {
    const router = await stage.start("router", { LEASE_MS: "1000" });
    await configureStage(stage, { agents: 1 });
    const lowest = async () =>
      (await stage.sql<{ at: Date | null }[]>`select min(watermark_at) as at from log_positions`)[0]?.at;
    const publisher = createPublisher(stage.connection);
    // Records of other lanes lie behind the reader's own: they do not hold its watermark up.
    await publisher.publish(inboundSubject("status"), "{}", { timeoutMs: 2_000 });
    const before = await waitFor(lowest, { what: "a watermark is known" });
    await waitFor(async () => ((await lowest()) ?? before) > before, { what: "it moves while nothing arrives" });
    await router.kill("SIGKILL");
    const standing = await lowest();
    const [{ now } = { now: new Date(0) }] = await stage.sql<{ now: Date }[]>`select turno_now() as now`;
    await stage.publish([{ id: "wamid.1", userId: "US.1" }]);
    expect(await lowest()).toEqual(standing);
    await stage.start("router", { LEASE_MS: "1000" });
    await waitFor(async () => ((await lowest()) ?? now) > now, { what: "it passes the message's arrival" });
    expect(await count("messages")).toBe(1);
  });

  it("does not move the watermark past a message that waits behind another one's transaction", async () => {
    await stage.start("router", { LEASE_MS: "1000" });
    await configureStage(stage, { agents: 1 });
    const users = ["US.1", "US.2"];
    await stage.publish(users.map((userId) => ({ id: `wamid.${userId}`, userId })));
    await waitFor(async () => (await count("messages")) === 2, { what: "both have a conversation" });
    const conversations = await stage.sql<{ id: string; userId: string }[]>`
      select conversation.id, contact.user_id as "userId"
      from conversations as conversation join contacts as contact on contact.id = conversation.contact_id`;
    const release = users.map(() => Promise.withResolvers<void>());
    const locked = users.map(() => Promise.withResolvers<number>());
    const holders = users.map((userId, index) =>
      stage.sql.begin(async (tx) => {
        const id = conversations.find((one) => one.userId === userId)?.id ?? "";
        const [row] = await tx<{ pid: number }[]>`
          select pg_backend_pid() as pid from conversations where id = ${id} for update`;
        locked[index]?.resolve(row?.pid ?? 0);
        await release[index]?.promise;
      }),
    );
    const [firstPid = 0, secondPid = 0] = await Promise.all(locked.map(({ promise }) => promise));
    const waitsFor = (pid: number) => async () =>
      (await stage.sql`select from pg_stat_activity where ${pid}::int = any(pg_blocking_pids(pid))`).length > 0;
    await stage.publish([{ id: "wamid.first", userId: "US.1" }]);
    await waitFor(waitsFor(firstPid), { what: "the first message waits for its conversation" });
    const [{ now } = { now: new Date(0) }] = await stage.sql<{ now: Date }[]>`select turno_now() as now`;
    await stage.publish([{ id: "wamid.second", userId: "US.2" }]);
    const isDue = async () =>
      (await stage.sql`select where turno_now() > ${now}::timestamptz + interval '1 second'`).length > 0;
    await waitFor(isDue, { what: "the reader's next look at the log's end is due" });
    release[0]?.resolve();
    await waitFor(async () => (await count("messages")) === 3, { what: "the first one took effect" });
    await waitFor(waitsFor(secondPid), { what: "the second one waits for its conversation" });
    const [row] = await stage.sql<{ at: Date | null }[]>`select max(watermark_at) as at from log_positions`;
    expect((row?.at ?? now).getTime()).toBeLessThanOrEqual(now.getTime());
    release[1]?.resolve();
    await Promise.all(holders);
  });
});
