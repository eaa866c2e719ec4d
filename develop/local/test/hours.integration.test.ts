import type { CommandInput } from "@turno/contracts";
import {
  configureStage,
  createStage,
  SERVICE_ACTOR,
  shiftClock,
  stageAgent,
  STAGE_GROUP,
  stageId,
  waitFor,
  type Stage,
} from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

const DAY_MS = 24 * 60 * 60_000;
const NIGHT_GROUP = stageId(1, 7);
/** 09:00 to 17:00 every day. */
const hours = {
  timeZone: "UTC",
  weekly: [{ days: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], from: "09:00", until: "17:00" }],
} satisfies NonNullable<CommandInput<"configure">["groups"]>[number]["hours"];

let stage: Stage;
/** Midnight of a day to come: a test's own, because the clock only goes on. */
let midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const at = (time: string) => new Date(midnight + Date.parse(`1970-01-01T${time}Z`));
const setTime = (time: string) => shiftClock(stage, at(time).getTime() - Date.now());

beforeAll(async () => {
  stage = await createStage();
  // Two trackers sweep the same words.
  await Promise.all([stage.start("router"), stage.start("session-tracker"), stage.start("session-tracker")]);
  stage.keep();
});
beforeEach(async () => {
  midnight += 2 * DAY_MS;
  await setTime("03:00:00");
  await configureStage(stage, { agents: 1 });
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

type Group = NonNullable<CommandInput<"configure">["groups"]>[number];
const setGroup = (rules: Partial<Group>) =>
  stage.command("configure", {
    groups: [{ id: STAGE_GROUP, name: "Support", countsPresence: false, followUpSeconds: 0, hours, ...rules }],
  });

let written = 0;
async function writes(customer: number, time: string): Promise<void> {
  written += 1;
  const id = `wamid.${written}`;
  await stage.publish([{ id, userId: `US.${customer}`, sentAt: at(time) }]);
  await waitFor(async () => (await stage.sql`select from messages where key = ${`msg:${id}`}`).length === 1, {
    what: "the message took effect",
  });
}

const readAssignments = () => stage.sql<{ customer: string; agentId: string; at: Date }[]>`
  select contact.user_id as customer, assignment.agent_id as "agentId", assignment.assigned_at as at
  from assignments as assignment join conversations as conversation on conversation.id = assignment.conversation_id
  join contacts as contact on contact.id = conversation.contact_id order by assignment.assigned_at, assignment.id`;

const readSaid = async () =>
  (
    await stage.sql<{ said: string }[]>`
      select automatic || ': ' || kind || ': ' || coalesce(body #>> '{text,body}', body #>> '{template,name}') as said
      from sends order by ordinal`
  ).map(({ said }) => said);

const untilSaid = (count: number) =>
  waitFor(async () => (await readSaid()).length === count, { what: `${count} automatic words are said` });

/** Nothing is left to look at now, so whatever was to be said was said. */
const untilNothingIsDue = () =>
  waitFor(async () => (await stage.sql`select from word_looks where look_at <= turno_now()`).length === 0, {
    what: "all looks are done",
  });

const readWaiting = async () => {
  const [row] = await stage.sql<{ id: string }[]>`select id from conversations where state = 'queued' limit 1`;
  return row?.id ?? "";
};

describe("outside its hours a group", () => {
  it("lets wait, says why, lets claim, and gives the queue out at the opening instant, oldest first", async () => {
    await setGroup({ outsideHours: "wait" });
    for (const customer of [1, 2, 3]) await writes(customer, "03:00:00");
    const conversationId = await readWaiting();
    const why = await stage.command("explain-waiting", { conversationId });
    const until = at("09:00:00").toISOString();
    expect(why.outsideHours).toEqual({ until });
    const queue = await stage.command("list-queue", { groupId: STAGE_GROUP });
    expect([queue.total, queue.outsideHours]).toEqual([3, { until }]);
    expect(await stage.command("claim-next", { agentId: stageAgent(0) })).toMatchObject({ agentId: stageAgent(0) });
    // Whatever makes routers look does not make them give out.
    await stage.command("set-availability", { agentId: stageAgent(0), availability: "away" });
    await stage.command("set-availability", { agentId: stageAgent(0), availability: "available" });
    await setTime("08:59:59");
    await waitFor(async () => (await readAssignments()).length === 3, { what: "the queue is given out" });
    const [claimed, ...given] = await readAssignments();
    expect([claimed?.customer, ...given.map(({ customer }) => customer)]).toEqual(["US.1", "US.2", "US.3"]);
    for (const one of given) {
      expect(one.at.getTime()).toBeGreaterThanOrEqual(at("09:00:00").getTime());
      // A second, and room for a busy machine.
      expect(one.at.getTime()).toBeLessThan(at("09:00:06").getTime());
    }
    expect((await stage.command("list-queue", { groupId: STAGE_GROUP })).outsideHours).toBeNull();
    expect(await readSaid()).toEqual([]);
  }, 60_000);

  it("tells the customer once in its session, by text inside it and by template otherwise", async () => {
    await stage.sql`
      insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
      values ('100', 'closed_now', 'es', '1', 'APPROVED', 'UTILITY', '[{"type":"BODY","text":"Cerrado"}]', now())`;
    const outsideHours = { text: "Hasta {opensAt}", template: { name: "closed_now", language: "es" } };
    const greeting = { text: "Hola", template: null };
    await setGroup({ outsideHours: "tell", automaticWords: { outsideHours, greeting } });
    await writes(1, "03:00:00");
    const until = at("09:00:00").toISOString().slice(0, 10);
    await untilSaid(1);
    await writes(1, "03:00:01");
    await untilNothingIsDue();
    // It goes on in another conversation of the same session.
    await stage.sql`update conversations set state = 'closed', agent_id = ${stageAgent(0)}`;
    await writes(1, "03:00:02");
    await untilNothingIsDue();
    expect(await readSaid()).toEqual([`outside-hours: text: Hasta ${until} 09:00`]);
    const [event] = await stage.sql<{ data: object }[]>`select data from events where type = 'message.requested'`;
    expect(event?.data).toMatchObject({ automatic: "outside-hours", actor: { kind: "system" } });
    // In its last minute, before the conversation expires with it, a session takes no text any more.
    await setTime("03:20:00");
    midnight -= DAY_MS;
    await writes(2, "03:20:55");
    midnight += DAY_MS;
    await untilSaid(2);
    expect((await readSaid()).at(-1)).toBe("outside-hours: template: closed_now");
    const [waits] = await stage.sql<{ count: number }[]>`
      select count(*)::int as count from conversations where state = 'queued' and waiting_since is not null`;
    expect(waits?.count).toBe(2);
  }, 60_000);

  it("lets another group take over what has waited for so long, at its place, while that one works", async () => {
    await stage.command("configure", {
      groups: [{ id: NIGHT_GROUP, name: "Night", countsPresence: false, outsideHours: "wait", hours }],
      agents: [{ id: stageAgent(5), name: "Night agent", groupIds: [NIGHT_GROUP] }],
    });
    await stage.command("set-availability", { agentId: stageAgent(5), availability: "available" });
    await setGroup({ outsideHours: "overflow", overflowGroupId: NIGHT_GROUP, overflowSeconds: 600 });
    await writes(1, "03:00:00");
    // After so long, but the other group does not work either.
    await setTime("03:30:00");
    await writes(2, "03:30:00");
    expect((await stage.command("list-queue", { groupId: STAGE_GROUP })).total).toBe(2);
    await stage.command("configure", { groups: [{ id: NIGHT_GROUP, name: "Night", countsPresence: false }] });
    await waitFor(async () => (await readAssignments()).length === 1, { what: "the other group has it" });
    expect(await readAssignments()).toMatchObject([{ customer: "US.1", agentId: stageAgent(5) }]);
    const [moved] = await stage.sql<{ queuedAt: Date; data: object }[]>`
      select conversation.queued_at as "queuedAt", event.data from conversations as conversation
      join events as event on event.entity_id = conversation.id and event.type = 'conversation.transferred'`;
    expect(moved?.queuedAt.getTime()).toBeLessThan(at("03:10:00").getTime());
    expect(moved?.data).toMatchObject({ to: { groupId: NIGHT_GROUP }, actor: { kind: "system" } });
    expect((await stage.command("list-queue", { groupId: STAGE_GROUP })).total).toBe(1);
  }, 60_000);

  it("gives out as ever where it does not look at its hours", async () => {
    await setGroup({ outsideHours: "ignored" });
    await writes(1, "03:00:00");
    await waitFor(async () => (await readAssignments()).length === 1, { what: "it is given out at night" });
  }, 60_000);
});

describe("within its hours a group", () => {
  it("greets once in a session, and says once that the customer has to wait", async () => {
    const automaticWords = {
      greeting: { text: "Hola" },
      queue: { text: "Un momento", afterSeconds: 600 },
    };
    await setTime("10:00:00");
    await setGroup({ distribution: "manual", outsideHours: "wait", automaticWords });
    await writes(1, "10:00:00");
    await untilSaid(1);
    await writes(1, "10:00:01");
    await untilNothingIsDue();
    expect(await readSaid()).toEqual(["greeting: text: Hola"]);
    await setTime("10:10:10");
    await untilSaid(2);
    await writes(1, "10:10:10");
    await untilNothingIsDue();
    expect(await readSaid()).toEqual(["greeting: text: Hola", "queue: text: Un momento"]);
  }, 60_000);

  it("cannot be configured with hours that are none", async () => {
    const groups = [{ id: STAGE_GROUP, name: "Support", hours: { ...hours, timeZone: "Europe/Atlantis" } }];
    const reply = await stage.request("configure", { actor: SERVICE_ACTOR, groups });
    expect(reply).toMatchObject({ refusal: { code: "invalid" } });
  });
});
