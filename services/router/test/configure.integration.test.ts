import { COMMANDS, type CommandInput } from "@turno/contracts";
import { connectToDatabase, isRefusal, readAsker, typed, type Sql } from "@turno/database";
import { agents, channels, groups, programs } from "@turno/database/schema";
import {
  configureStage,
  createStage,
  createTestDatabase,
  SERVICE_ACTOR,
  STAGE_GROUP,
  stageAgent,
  stageId,
  type TestDatabase,
} from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { configure } from "../src/configuration/configure.ts";

const agentOf = (index: number, capacity: number | null) => ({
  id: stageAgent(index),
  name: `Agent ${index}`,
  capacity,
  groupIds: [STAGE_GROUP],
});

it("a capacity that the configuration changes is told as an event, and nothing that stays or is new", async () => {
  const stage = await createStage();
  onTestFinished(() => stage.stop());
  await stage.start("router");
  await configureStage(stage, { agents: 2, capacity: 3 });
  const readEvents = () => stage.sql<{ agentId: string; sequence: number; data: object }[]>`
    select entity_id as "agentId", sequence, data from events where type = 'agent.updated' order by position`;
  // Each was made available, which is the first thing told of it.
  expect((await readEvents()).map(({ sequence }) => sequence)).toEqual([1, 1]);

  await stage.command("configure", { agents: [agentOf(1, null), agentOf(0, 3), agentOf(2, 5)] });
  const told = (await readEvents()).slice(2);
  const data = { agentId: stageAgent(1), availability: "available", capacity: null, actor: SERVICE_ACTOR };
  expect(told).toEqual([{ agentId: stageAgent(1), sequence: 2, data }]);

  const reply = { agentId: stageAgent(1), availability: "away" } as const;
  await stage.command("set-availability", reply);
  expect((await readEvents()).at(-1)).toMatchObject({ sequence: 3, data: { ...reply, capacity: null } });
});

describe("what is named", () => {
  let database: TestDatabase;
  let sql: Sql;
  beforeEach(async () => {
    database = await createTestDatabase();
    sql = connectToDatabase(database.url, { connectionsMax: 1, name: "configure" });
  });
  afterEach(async () => {
    await sql.end({ timeout: 1 });
    await database.drop();
  });
  const send = (named: Omit<CommandInput<"configure">, "actor">) =>
    configure(sql, COMMANDS.configure.request.parse({ ...named, actor: SERVICE_ACTOR }), () => crypto.randomUUID());
  const [support, sales] = [stageId(1, 1), stageId(1, 2)];
  const channel = { id: stageId(3), phoneNumberId: "123", accountId: "100", name: "Main", groupId: support };

  const withHours = {
    hours: { timeZone: "Europe/Madrid", weekly: [{ days: ["mon" as const], from: "09:00", until: "17:00" }] },
    outsideHours: "overflow" as const,
    overflowGroupId: sales,
    overflowSeconds: 60,
    automaticWords: { greeting: { text: "Hola" } },
  };
  const noHours = {
    hours: null,
    outsideHours: "ignored",
    overflowGroupId: null,
    overflowSeconds: 0,
    automaticWords: null,
  };
  /** Statements ask whether there are any, so what is left out is no JSON. */
  const countWithHours = async () =>
    (
      await sql`
        select from groups
        where hours is not null or automatic_words is not null or overflow_group_id is not null`
    ).length;

  it("is written whole, changed by its id, and what is not named stays", async () => {
    const group = { id: support, name: "Support", distribution: "manual" as const, returningWithinDays: 7 };
    const ana = { ...agentOf(0, 3), name: "O'Hara", role: "operator" as const, groupIds: [support, sales] };
    const first = await send({
      groups: [
        { id: sales, name: "Sales", needsPresence: true, firstAnswerSeconds: 60, absentRequeueSeconds: 90 },
        { ...group, ...withHours },
      ],
      agents: [{ ...agentOf(1, null), groupIds: [] }, ana],
      channels: [channel],
    });
    expect(await countWithHours()).toBe(1);
    expect(first).toMatchObject({ answer: { groups: 2, agents: 2, channels: 1, programs: 0 } });
    await sql`update groups set turn = 41`;
    await sql`update agents set availability = 'available', sequence = 7`;
    const outcome = await send({
      groups: [{ ...group, name: "Care", closingNeedsTicket: false, returningWaitSeconds: 5 }],
      agents: [{ ...ana, name: "Ana", groupIds: [sales] }],
      channels: [{ ...channel, phoneNumberId: "124", accountId: null, groupId: sales, ratePerSecond: 500 }],
    });
    const answer = { groups: 1, agents: 1, channels: 1, programs: 0 };
    expect(outcome).toMatchObject({ answer, affectedGroupIds: [support, sales] });

    expect(await countWithHours()).toBe(0);
    const unset = { returningWaitSeconds: 0, closingNeedsTicket: true, needsPresence: false };
    expect(await typed(sql).select().from(groups).orderBy(groups.id)).toEqual([
      {
        ...group,
        name: "Care",
        needsPresence: false,
        returningWaitSeconds: 5,
        closingNeedsTicket: false,
        agentsMayCloseAsSpam: false,
        countsPresence: true,
        presence: "counted",
        firstAnswerSeconds: 0,
        answerSeconds: 0,
        offerSeconds: 0,
        offersMissedMax: 3,
        lapsesMax: 3,
        followUpSeconds: 300,
        absentRequeueSeconds: 0,
        whenAway: "keep",
        ...noHours,
        turn: 41,
        roundTurn: 0,
      },
      expect.objectContaining({
        ...unset,
        id: sales,
        needsPresence: true,
        firstAnswerSeconds: 60,
        absentRequeueSeconds: 90,
      }),
    ]);
    expect(await typed(sql).select().from(agents).orderBy(agents.id)).toMatchObject([
      { name: "Ana", role: "operator", capacity: 3, availability: "available", sequence: 7 },
      { name: "Agent 1", role: "agent", capacity: null },
    ]);
    expect(await typed(sql).select().from(channels)).toEqual([
      { ...channel, phoneNumberId: "124", accountId: null, groupId: sales, ratePerSecond: 500 },
    ]);
  });

  it("gives a program the groups that are named, and no others; no list leaves what it had, an empty one takes all", async () => {
    const both = [
      { id: support, name: "Support" },
      { id: sales, name: "Sales" },
    ];
    const readGroups = async (name: string) => {
      const asker = await readAsker(sql, { kind: "service", name });
      if (isRefusal(asker)) throw new Error(asker.message);
      return asker.groupIds;
    };
    const named = [
      { name: "observer", groupIds: "all" as const },
      { name: "bot", groupIds: [sales, support, sales] },
    ];
    expect(await send({ groups: both, programs: named })).toMatchObject({ answer: { programs: 2 } });
    expect(new Set(await readGroups("bot"))).toEqual(new Set([support, sales]));
    expect(await readGroups("observer")).toBe("all");
    expect(await readGroups("biller")).toEqual([]);

    await send({ programs: [{ name: "observer", groupIds: [support] }] });
    await send({ programs: [{ name: "bot", groupIds: [sales] }], groups: both });
    expect([await readGroups("bot"), await readGroups("observer")]).toEqual([[sales], [support]]);
    await send({
      programs: [
        { name: "bot", groupIds: [] },
        { name: "observer", groupIds: "all" },
      ],
    });
    expect([await readGroups("bot"), await readGroups("observer")]).toEqual([[], "all"]);
    for (const name of ["router", "cli", "developer"]) expect(await readGroups(name)).toBe("all");
  });

  it("is no program where it is a part of Turno, which acts everywhere, and in no group that does not exist", async () => {
    const given = (name: string, groupId: string) => send({ programs: [{ name, groupIds: [groupId] }] });
    const missing = expect.stringContaining("does not exist");
    expect(await given("bot", support)).toMatchObject({ code: "invalid", message: missing });
    await send({ groups: [{ id: support, name: "Support" }] });
    for (const name of ["router", "cli"]) {
      const message = `programs.name: ${name} is a part of Turno and acts in every group.`;
      expect(await given(name, support)).toEqual({
        code: "invalid",
        message,
        details: { section: "programs", id: name },
      });
    }
    expect(await typed(sql).select().from(programs)).toEqual([]);
  });

  it("is refused whole where it names something twice, something unknown or something taken", async () => {
    const group = { id: support, name: "Support" };
    expect(await send({ groups: [group, group] })).toMatchObject({
      code: "invalid",
      message: "One id stands twice in the same list: name each once.",
    });
    const unknown = await send({ groups: [group], channels: [{ ...channel, groupId: sales }] });
    expect(unknown).toMatchObject({ code: "invalid", message: expect.stringContaining("does not exist") });
    const taken = await send({ groups: [group], channels: [channel, { ...channel, id: stageId(3, 2) }] });
    expect(taken).toMatchObject({ code: "invalid", message: expect.stringContaining("is taken") });
    expect(await typed(sql).select().from(groups)).toEqual([]);
  });

  it("may be as much as the contract lets through, in one transaction", async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({ id: stageId(1, index), name: `Group ${index}` }));
    expect(await send({ groups: many })).toMatchObject({ answer: { groups: 1_000 } });
    expect(await send({ groups: many.map((one) => ({ ...one, name: "Again" })) })).toMatchObject({
      answer: { groups: 1_000 },
    });
    expect(await typed(sql).selectDistinct({ name: groups.name }).from(groups)).toEqual([{ name: "Again" }]);
  });
});
