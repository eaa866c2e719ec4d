import { endConversation } from "@turno/inbox";
import { createIdSource } from "@turno/runtime";
import { between, createRandom, pick, type Random } from "@turno/simulator";
import {
  createStage,
  installTurnAudit,
  judgeTurns,
  SERVICE_ACTOR,
  stageAgent,
  stageId,
  waitFor,
  type Stage,
} from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const createId = createIdSource();

const STEPS = Number(process.env["STEPS"] ?? 60);
const SEED = Number(process.env["SEED"] ?? 20_261);
const ROUTERS = 3;
/** Each step so many customers write to each group, while so many flips are under way. */
const WRITERS = 10;
const FLIPS = 4;
/** One group takes all that comes; the other asks for presence, and its agents are full most of the time. */
const [OPEN, PRESENT] = [stageId(1, 0), stageId(1, 1)];
/** These stay eligible in the first group throughout. The others come and go. */
const STEADY = [0, 1, 2, 3];
const FLIPPING = [4, 5, 6, 7, 8, 9, 10, 11];

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
  await Promise.all(Array.from({ length: ROUTERS }, () => stage.start("router")));
});
afterEach(() => stage.stop());

const agentOf = (index: number, capacity: number | null, groupIds: string[]) => ({
  id: stageAgent(index),
  name: `Agent ${index}`,
  capacity,
  groupIds,
});

async function prepare(): Promise<void> {
  const channel = { accountId: "100", name: "Line" };
  const rules = { closingNeedsTicket: false, countsPresence: false, lapsesMax: 0, followUpSeconds: 0 };
  await stage.command("configure", {
    groups: [
      { id: OPEN, name: "Open", ...rules },
      { id: PRESENT, name: "Present", ...rules, needsPresence: true, absentRequeueSeconds: 1 },
    ],
    agents: [
      ...STEADY.map((index) => agentOf(index, null, [OPEN])),
      ...FLIPPING.map((index) => agentOf(index, 3, [OPEN, PRESENT])),
    ],
    channels: [
      { ...channel, id: stageId(3, 0), phoneNumberId: "123", groupId: OPEN },
      { ...channel, id: stageId(3, 1), phoneNumberId: "124", groupId: PRESENT },
    ],
  });
  await installTurnAudit(stage.sql);
  for (const index of [...STEADY, ...FLIPPING]) {
    await stage.command("set-availability", { agentId: stageAgent(index), availability: "available" });
    await stage.command("heartbeat", { agentId: stageAgent(index) });
  }
}

/** One agent changes something of what makes it eligible, or ends a conversation and has a place again. */
function flip(random: Random): Promise<unknown> {
  const index = pick(random, FLIPPING);
  const agentId = stageAgent(index);
  const availability = random() < 0.6 ? ("available" as const) : ("away" as const);
  const capacity = pick(random, [0, 1, 3, 5, null]);
  const groupIds = pick(random, [[OPEN, PRESENT], [OPEN, PRESENT], [OPEN], [PRESENT], []]);
  const lapsesInMs = between(random, 0, 500);
  return pick<() => Promise<unknown>>(random, [
    () => stage.command("set-availability", { agentId, availability }),
    () => stage.command("set-availability", { agentId, availability: "available", capacity }),
    () => stage.command("configure", { agents: [agentOf(index, capacity, groupIds)] }),
    () => stage.command("heartbeat", { agentId }),
    () => stage.sql`
      update agents set present_until = now() + ${lapsesInMs} * interval '1 millisecond' where id = ${agentId}`,
    () => closeOldest(agentId, between(random, 1, 10)),
  ])();
}

async function closeOldest(agentId: string, count: number): Promise<void> {
  const rows = await stage.sql<{ id: string }[]>`
    select id from conversations where agent_id = ${agentId} and state = 'active' order by id limit ${count}`;
  for (const { id } of rows) {
    await endConversation(stage.sql, { actor: SERVICE_ACTOR, conversationId: id }, "closed", createId);
  }
}

async function work(): Promise<void> {
  const random = createRandom(SEED);
  for (let step = 0; step < STEPS; step++) {
    const written = ["123", "124"].flatMap((phoneNumberId) =>
      Array.from({ length: WRITERS }, (_, writer) => {
        const name = `${phoneNumberId}.${step}.${writer}`;
        return { id: `wamid.${name}`, userId: `US.${name}`, phoneNumberId };
      }),
    );
    await Promise.all([stage.publish(written), ...Array.from({ length: FLIPS }, () => flip(random))]);
  }
}

/** All that was written took effect, and nothing waits for which there is an eligible agent. */
async function isSettled(): Promise<boolean> {
  const [row] = await stage.sql<{ written: number; waitsInVain: number }[]>`
    select (select count(*)::int from messages) as written,
      (select count(*)::int from conversations as waiting join groups on groups.id = waiting.group_id
        where state = 'queued' and exists (
          select from group_members as member join agents on agents.id = member.agent_id
          where member.group_id = groups.id and availability = 'available'
            and (not needs_presence or present_until > turno_now()) and (capacity is null or active_count < capacity)
            and agents.id is distinct from waiting.requeued_from_agent_id
            and agents.id <> all(waiting.lapsed_agent_ids))) as "waitsInVain"`;
  return row?.written === STEPS * WRITERS * 2 && row.waitsInVain === 0;
}

/** Who had the turns of the first group, in their order. */
const readTurns = () =>
  stage.sql<{ agentId: string }[]>`
    select agent_id as "agentId" from assignments where group_id = ${OPEN} and reason ->> 'rule' = 'turn'
    order by (reason ->> 'turn')::int`;

/** Members who rest though they are eligible: nobody would ever give them anything. */
const readForgotten = () =>
  stage.sql`
    select member.agent_id, member.group_id from group_members as member join agents on agents.id = member.agent_id
    join groups on groups.id = member.group_id
    where not is_in_rotation and availability = 'available' and (capacity is null or active_count < capacity)
      and (not needs_presence or present_until > turno_now())`;

/** Who had two turns between two of a steady agent: what coming back must never earn. */
function findBursts(turns: readonly string[], steady: string): string[] {
  const bursts = [];
  let since = new Set<string>();
  for (const agentId of turns) {
    if (agentId === steady) since = new Set();
    else if (since.has(agentId)) bursts.push(agentId);
    else since.add(agentId);
  }
  return bursts;
}

describe(`while agents flip availability, capacity, membership and presence at random (seed ${SEED}), and ${ROUTERS} routers give out`, () => {
  it("each conversation goes to an eligible agent whose turn it is, nobody earns a burst, and nothing is left waiting", async ({
    annotate,
  }) => {
    await prepare();
    await work();
    await waitFor(isSettled, { what: "nothing waits that somebody may have", timeoutMs: 30_000 });

    const { faults, judged } = await judgeTurns(stage.sql);
    expect(faults).toEqual([]);
    const turns = (await readTurns()).map(({ agentId }) => agentId);
    expect(turns.length).toBeGreaterThanOrEqual(STEPS * WRITERS);
    const counts = STEADY.map((index) => turns.filter((agentId) => agentId === stageAgent(index)).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(STEADY.flatMap((index) => findBursts(turns, stageAgent(index)))).toEqual([]);
    expect(await readForgotten()).toEqual([]);

    const [seen] = await stage.sql<{ flips: number; requeued: number; why: string[] }[]>`
      select (select count(*)::int from turn_audit where what in ('agent', 'join', 'leave')) as flips,
        (select count(*)::int from events where type = 'conversation.transferred') as requeued,
        array(select distinct left_out ->> 'why' from assignments
          cross join json_array_elements(reason -> 'leftOut') as left_out order by 1) as why`;
    await annotate(`${judged} turns judged, ${seen?.flips} flips, ${seen?.requeued} back by absence`);
    // It was worth it: every way of not being eligible was met.
    expect(seen?.why).toEqual(expect.arrayContaining(["absent", "away", "full"]));
  }, 120_000);
});
