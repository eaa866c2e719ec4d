import { PROBLEMS, type ProblemCode } from "@turno/inbox";
import { claim, transfer } from "@turno/router";
import { pick, type Random } from "@turno/simulator";
import { SERVICE_ACTOR } from "@turno/testing";
import { GROUPS, readNow, type ModelWorld } from "./model-world.ts";

/** What two people ask for at the same moment, and who is told to have been first where one of them is. */
interface Twins {
  asks: [() => Promise<object>, () => Promise<object>];
  /** What the second may be told. */
  codes: ProblemCode[];
}

interface Row {
  id: string;
  agentId: string;
  groupId: string;
}

const byAgent = (agentId: string) => ({ kind: "agent" as const, agentId });
type Arrange = (world: ModelWorld, random: Random) => Promise<Twins | null>;

/** How each kind of twins is brought about, with nobody else at work; null where there is nothing to ask for now. */
const ARRANGEMENTS = { claim: claims, transfer: transfers, close: closes, finalise: finalises } satisfies Record<
  string,
  Arrange
>;
export type TwinKind = keyof typeof ARRANGEMENTS;
export const TWIN_KINDS = Object.keys(ARRANGEMENTS) as TwinKind[];

/**
 * Two ask for the same at once: exactly one gets it, and the other learns with a 409 who was first and when. Gives the
 * kind that was tried, or null.
 */
export async function runTwins(world: ModelWorld, random: Random): Promise<TwinKind | null> {
  const kind = pick(random, TWIN_KINDS);
  const twins = await ARRANGEMENTS[kind](world, random);
  if (twins === null) return null;
  const since = await readNow(world.sql);
  const answers = await Promise.all(twins.asks.map((ask) => ask()));
  const until = await readNow(world.sql);
  const [refusal, ...more] = answers.filter((answer) => "code" in answer) as {
    code: ProblemCode;
    details?: { by?: string; at?: string };
  }[];
  const at = Date.parse(refusal?.details?.at ?? "");
  const isFair =
    more.length === 0 &&
    refusal !== undefined &&
    twins.codes.includes(refusal.code) &&
    PROBLEMS[refusal.code].status === 409 &&
    (refusal.details?.by ?? "") !== "" &&
    at >= since.getTime() &&
    at <= until.getTime();
  if (!isFair) throw new Error(`two same ${kind}s at once were answered ${JSON.stringify(answers)}`);
  return kind;
}

async function claims(world: ModelWorld, random: Random): Promise<Twins | null> {
  const { sql, createId } = world;
  const held = await pickActive(world, random);
  if (held === null) return null;
  const to = { groupId: GROUPS[1] };
  await transfer(sql, { actor: SERVICE_ACTOR, conversationId: held.id, to, force: true }, createId);
  const free = await sql<{ id: string }[]>`
    select id from agents join group_members on agent_id = id and group_id = ${GROUPS[1]}
    where capacity is null or active_count < capacity order by id`;
  if (free.length < 2) return null;
  const first = pick(random, free).id;
  const second = pick(
    random,
    free.filter(({ id }) => id !== first),
  ).id;
  const by = (agentId: string) => () =>
    claim(sql, { actor: byAgent(agentId), agentId, conversationId: held.id }, createId);
  return { asks: [by(first), by(second)], codes: ["conversation-taken"] };
}

async function transfers(world: ModelWorld, random: Random): Promise<Twins | null> {
  const { sql, createId } = world;
  const held = await pickActive(world, random);
  if (held === null) return null;
  const free = await sql<{ id: string }[]>`
    select agents.id from agents
    join group_members on agent_id = agents.id and group_id = ${held.groupId} join groups on groups.id = group_id
    where agents.id <> ${held.agentId} and availability = 'available' and (capacity is null or active_count < capacity)
      and (not needs_presence or present_until > turno_now() + interval '5 seconds') order by 1`;
  const otherGroups = GROUPS.filter((id) => id !== held.groupId);
  const to =
    free.length > 0 && random() < 0.6 ? { agentId: pick(random, free).id } : { groupId: pick(random, otherGroups) };
  const askers = [byAgent(held.agentId), byAgent(held.agentId), SERVICE_ACTOR];
  const ask = (actor: (typeof askers)[number]) => () =>
    transfer(sql, { actor, conversationId: held.id, to, force: false, reason: "twins" }, createId);
  return {
    asks: [ask(pick(random, askers)), ask(pick(random, askers))],
    codes: ["agentId" in to ? "same-agent" : "same-group", "conversation-moved"],
  };
}

async function closes(world: ModelWorld, random: Random): Promise<Twins | null> {
  const held = await pickActive(world, random);
  return held === null ? null : endings(world, held, "close");
}

async function finalises(world: ModelWorld, random: Random): Promise<Twins | null> {
  const expired = await world.sql<Row[]>`
    select id, agent_id as "agentId", group_id as "groupId" from conversations as expired
    where state = 'expired' and agent_id is not null and joined_into_id is null and not exists (
      select from conversations where continues_conversation_id = expired.id and state <> 'failed')
    order by id desc limit 10`;
  return expired.length === 0 ? null : endings(world, pick(random, expired), "finalise");
}

async function endings({ handlers }: ModelWorld, { id, agentId }: Row, ending: "close" | "finalise"): Promise<Twins> {
  const of = { actor: SERVICE_ACTOR, conversationId: id, anothers: false };
  // Whichever its link was, it is confirmed now: either of them succeeds, or it was so already.
  await handlers["create-ticket"]({ ...of, subject: "Twins", body: "" });
  await handlers["confirm-ticket-link"]({ ...of, ticketId: undefined });
  return {
    asks: [() => handlers[ending]({ ...of, actor: byAgent(agentId) }), () => handlers[ending](of)] as Twins["asks"],
    codes: ["conversation-closed"],
  };
}

async function pickActive({ sql }: ModelWorld, random: Random): Promise<Row | null> {
  const rows = await sql<Row[]>`
    select id, agent_id as "agentId", group_id as "groupId" from conversations
    where state = 'active' and offered_until is null order by id limit 20`;
  return rows.length === 0 ? null : pick(random, rows);
}
