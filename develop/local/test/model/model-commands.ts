import {
  accept,
  assignQueued,
  claim,
  claimNext,
  decline,
  explainAssignment,
  explainWaiting,
  heartbeat,
  joinAsked,
  listGroups,
  listQueue,
  requeueDue,
  setAvailability,
  transfer,
} from "@turno/router";
import { requestSend, sweepDue } from "@turno/session-tracker";
import { between, pick, pickWeighted, type Random } from "@turno/simulator";
import { SERVICE_ACTOR, stageAgent, stageId } from "@turno/testing";
import {
  agentOf,
  AGENTS,
  AUTOMATIC_GROUPS,
  CUSTOMERS,
  groupOf,
  GROUPS,
  operator,
  OPERATORS,
  type ModelWorld,
} from "./model-world.ts";

type Command = () => Promise<unknown>;

/** What is asked of whom, fixed by the random numbers before anything runs. */
interface Ask {
  random: Random;
  conversationId: string;
  agentId: string;
  actor: { kind: "agent"; agentId: string };
  /** A program may do what an agent may not: without it most of what is tried would be refused. */
  by: { conversationId: string; actor: Ask["actor"] | typeof SERVICE_ACTOR };
}

/** Shares of what is tried. */
const WEIGHTS = {
  write: 12,
  work: 22,
  assignment: 20,
  send: 10,
  tickets: 20,
  flip: 12,
  read: 4,
  time: 8,
  join: 1,
};

/** One random command, asked by somebody; whatever the rules say of it is fine, as long as they say it. */
export function chooseCommand(world: ModelWorld, random: Random, conversationIds: readonly string[]): Command {
  const agentId = random() < 0.2 ? operator(between(random, 0, OPERATORS - 1)) : randomAgent(random);
  const actor = { kind: "agent" as const, agentId };
  const conversationId = conversationIds.length === 0 ? stageId(9) : pick(random, conversationIds);
  const by = { conversationId, actor: random() < 0.6 ? SERVICE_ACTOR : actor };
  const ask: Ask = { random, conversationId, agentId, actor, by };
  const kinds: Record<keyof typeof WEIGHTS, (world: ModelWorld, ask: Ask) => Command> = {
    write: () => {
      const [customer, line] = [between(random, 0, CUSTOMERS - 1), pick(random, [0, 1] as const)];
      return () => world.write(customer, line);
    },
    work: chooseEnding,
    assignment: chooseAssignment,
    send: chooseSend,
    tickets: chooseTicket,
    flip: chooseFlip,
    read: chooseReading,
    time: chooseTime,
    join: chooseJoin,
  };
  const command = kinds[pickWeighted(random, WEIGHTS)](world, ask);
  // Some commands are sent twice at the same moment: a double click, two agents who see the same conversation.
  return random() < 0.2 ? () => Promise.all([command(), command()]) : command;
}

const randomAgent = (random: Random) => stageAgent(between(random, 0, AGENTS - 1));

function chooseEnding({ handlers }: ModelWorld, { random, by }: Ask): Command {
  const ending = pick(random, ["close", "close", "finalise"] as const);
  return () => handlers[ending]({ ...by, anothers: false });
}

function chooseAssignment({ sql, createId }: ModelWorld, { random, conversationId, agentId, actor }: Ask): Command {
  const of = { actor, conversationId };
  const to = random() < 0.5 ? { agentId: randomAgent(random) } : { groupId: pick(random, GROUPS) };
  const force = random() < 0.3;
  const groupId = pick(random, AUTOMATIC_GROUPS);
  const [isAccepted, salt] = [random() < 0.6, random()];
  return pick<Command>(random, [
    () => claim(sql, { ...of, agentId }, createId),
    () => claimNext(sql, { actor, agentId, groupId: undefined }, createId),
    () => answerOffer(sql, { isAccepted, salt }, createId),
    () => transfer(sql, { ...of, to, force, reason: undefined }, createId),
    () => assignQueued(sql, groupId, createId),
    () => requeueDue(sql, { limit: 50, createId }),
  ]);
}

/** An agent to whom a conversation is offered answers for itself. */
async function answerOffer(
  sql: ModelWorld["sql"],
  { isAccepted, salt }: { isAccepted: boolean; salt: number },
  createId: () => string,
) {
  const [offered] = await sql<{ conversationId: string; agentId: string }[]>`
    select id as "conversationId", agent_id as "agentId" from conversations
    where state = 'active' and offered_until is not null order by md5(id::text || ${salt}) limit 1`;
  if (offered === undefined) return null;
  const request = { actor: { kind: "agent" as const, agentId: offered.agentId }, ...offered };
  return isAccepted ? accept(sql, request, createId) : decline(sql, { ...request, reason: undefined }, createId);
}

/** Two customers turn out to be one person. */
function chooseJoin({ sql, createId }: ModelWorld, { actor, random }: Ask): Command {
  const by = random() < 0.5 ? SERVICE_ACTOR : actor;
  const salt = random();
  return async () => {
    const [one, other] = await sql<{ id: string }[]>`
      select id from contacts where joined_into_id is null order by md5(id::text || ${salt}) limit 2`;
    if (one === undefined || other === undefined) return null;
    return joinAsked(sql, { actor: by, contactId: one.id, otherId: other.id }, createId);
  };
}

function chooseSend({ sql, createId }: ModelWorld, { random, conversationId, agentId, actor, by }: Ask): Command {
  const text = { type: "text" as const, body: "hola", previewUrl: false };
  const template = { type: "template" as const, name: "hello", language: "es", components: [] };
  // Every template that is asked for is known.
  const options = { createId, readTemplates: () => Promise.resolve() };
  return pick<Command>(random, [
    () => requestSend(sql, { actor, conversationId, agentId, message: text, force: false }, options),
    () => requestSend(sql, { ...by, agentId, message: template, force: random() < 0.2 }, options),
  ]);
}

function chooseTicket({ handlers }: ModelWorld, { random, conversationId, by }: Ask): Command {
  const ticket = { number: between(random, 1, 20) };
  return pick<Command>(random, [
    () => handlers["create-ticket"]({ ...by, subject: "Model", body: "" }),
    () => handlers["link-ticket"]({ ...by, ticket, anothers: random() < 0.8 }),
    () => handlers["propose-ticket-link"]({ actor: SERVICE_ACTOR, conversationId, ticket }),
    () => handlers["confirm-ticket-link"]({ ...by, ticketId: undefined }),
    () => handlers["reject-ticket-link"]({ ...by, ticketId: undefined }),
  ]);
}

/** Agents come and go, take more or less, change their groups; groups change their rules. */
function chooseFlip(world: ModelWorld, { random, agentId, actor }: Ask): Command {
  const { sql, createId } = world;
  const availability = random() < 0.7 ? ("available" as const) : ("away" as const);
  const capacity = pick(random, [undefined, undefined, 0, 1, 2, 3, null]);
  const agent = between(random, 0, AGENTS - 1);
  const groupIds = GROUPS.filter(() => random() < 0.5);
  const present = Array.from({ length: 6 }, () => randomAgent(random));
  const returning = { returningWithinDays: pick(random, [0, 7, 7]), returningWaitSeconds: pick(random, [0, 60]) };
  const offering = { offerSeconds: pick(random, [0, 0, 120]), offersMissedMax: pick(random, [0, 2]) };
  const answers = { answerSeconds: pick(random, [0, 600]), whenAway: pick(random, ["keep", "requeue"] as const) };
  const presence = { needsPresence: random() < 0.7, absentRequeueSeconds: pick(random, [0, 600]) };
  const handOver = random() < 0.5 ? {} : { handOverTo: randomAgent(random), force: random() < 0.5 };
  return pick<Command>(random, [
    () => setAvailability(sql, { actor, agentId, availability, capacity }, createId),
    () => setAvailability(sql, { actor, agentId, availability, capacity }, createId),
    () => Promise.all(present.map((id) => heartbeat(sql, { actor: { kind: "agent", agentId: id }, agentId: id }))),
    () => world.configure({ agents: [{ ...agentOf(agent, capacity ?? 2, groupIds), active: true }] }),
    () => world.configure({ agents: [{ ...agentOf(agent, capacity ?? 2, []), active: false, ...handOver }] }),
    () => world.configure({ groups: [groupOf(0, { ...returning, ...offering, ...answers }), groupOf(2, presence)] }),
  ]);
}

function chooseReading({ sql }: ModelWorld, { random, conversationId }: Ask): Command {
  const actor = SERVICE_ACTOR;
  const groupId = pick(random, GROUPS);
  return pick<Command>(random, [
    () => listGroups(sql, { actor }),
    () => listQueue(sql, { actor, groupId, limit: 10 }),
    () => explainAssignment(sql, { actor, conversationId }),
    () => explainWaiting(sql, { actor, conversationId }),
  ]);
}

function chooseTime(world: ModelWorld, { random }: Ask): Command {
  const seconds = pick(random, [10, 60, 900, 60 * between(random, 0, 300), 60 * between(random, 0, 600)]);
  return async () => {
    await world.advance(seconds);
    await sweepDue(world.sql, { warningMinutes: [60, 15], limit: 100, createId: world.createId, mayTrust: () => true });
  };
}
