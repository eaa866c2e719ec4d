import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { OF_NO_GROUP, refuse, refuseUnpermitted, type Refusal } from "@turno/conversation";
import {
  asJson,
  brokenRuleOf,
  excluded,
  expression,
  isAnyOf,
  isRefusal,
  lockAgents,
  readAsker,
  readClock,
  typed,
  writeEvents,
  type AgentRow,
  type Sql,
  type Transaction,
} from "@turno/database";
import { agents, channels, groups } from "@turno/database/schema";
import { agentUpdated } from "../assignment/set-availability.ts";

export interface ConfigureOutcome {
  answer: CommandAnswer<"configure">;
  /** Groups in which something may now be given out. */
  affectedGroupIds: string[];
}

/**
 * Creates or changes what is named, all or nothing; what is not named does not change. An agent's groups become those
 * given.
 */
export async function configure(
  sql: Sql,
  request: CommandRequest<"configure">,
  createId: () => string,
): Promise<ConfigureOutcome | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const denied = refuseUnpermitted(asker, "configure", OF_NO_GROUP);
  if (denied !== null) return denied;
  try {
    await sql.begin(async (tx) => {
      await lockGroups(tx);
      await writeGroups(tx, request.groups);
      const before = await lockAgents(
        tx,
        request.agents.map(({ id }) => id),
      );
      await writeAgents(tx, request.agents);
      await writeCapacityEvents(tx, request, before, createId);
      await writeChannels(tx, request.channels);
    });
  } catch (error) {
    const refusal = refuseReference(error);
    if (refusal === null) throw error;
    return refusal;
  }
  const groupIds = [...request.groups.map(({ id }) => id), ...request.agents.flatMap((agent) => agent.groupIds)];
  return {
    answer: { groups: request.groups.length, agents: request.agents.length, channels: request.channels.length },
    affectedGroupIds: [...new Set(groupIds)],
  };
}

/**
 * Locks all groups. Nothing is given out or claimed while members change, so a member who has left gets nothing from
 * the moment this is answered.
 */
async function lockGroups(tx: Transaction): Promise<void> {
  await typed(tx).select({ id: groups.id }).from(groups).orderBy(groups.id).for("no key update");
}

/** In the order in which rows are locked everywhere. */
const inOrder = <T extends { id: string }>(named: readonly T[]) =>
  named.toSorted((left, right) => (left.id < right.id ? -1 : 1));

async function writeGroups(tx: Transaction, named: CommandRequest<"configure">["groups"]): Promise<void> {
  if (named.length === 0) return;
  const set = excluded(
    groups,
    "name",
    "distribution",
    "needsPresence",
    "countsPresence",
    "returningWithinDays",
    "returningWaitSeconds",
    "closingNeedsTicket",
    "firstAnswerSeconds",
    "answerSeconds",
    "followUpSeconds",
    "lapsesMax",
    "absentRequeueSeconds",
    "whenAway",
  );
  await typed(tx).insert(groups).values(inOrder(named)).onConflictDoUpdate({ target: groups.id, set });
}

async function writeAgents(tx: Transaction, named: CommandRequest<"configure">["agents"]): Promise<void> {
  if (named.length === 0) return;
  const set = excluded(agents, "name", "role", "capacity");
  await typed(tx).insert(agents).values(inOrder(named)).onConflictDoUpdate({ target: agents.id, set });
  await writeMembers(tx, named);
}

async function writeMembers(tx: Transaction, named: CommandRequest<"configure">["agents"]): Promise<void> {
  const memberships = asJson(
    named.flatMap(({ id, groupIds }) => groupIds.map((groupId) => ({ agentId: id, groupId }))),
  );
  await tx`
    delete from group_members as member
    using json_to_recordset(${asJson(named)}::text::json) as named(id uuid)
    where member.agent_id = named.id and not exists (
      select from json_to_recordset(${memberships}::text::json) as kept("agentId" uuid, "groupId" uuid)
      where kept."agentId" = member.agent_id and kept."groupId" = member.group_id)`;
  // A new member is last in turn, so that nobody earns a turn by leaving and coming back.
  await tx`
    insert into group_members (agent_id, group_id, last_turn)
    select "agentId", "groupId", coalesce(groups.turn, 0)
    from json_to_recordset(${memberships}::text::json) as named("agentId" uuid, "groupId" uuid)
    left join groups on groups.id = "groupId"
    on conflict do nothing`;
}

/**
 * Writes the events of agents whose capacity changed. A new agent is away, so its first event is that it is available.
 */
async function writeCapacityEvents(
  tx: Transaction,
  { agents: named, actor }: CommandRequest<"configure">,
  before: ReadonlyMap<string, AgentRow>,
  createId: () => string,
): Promise<void> {
  const changed = named.flatMap(({ id, capacity }) => {
    const agent = before.get(id);
    return agent === undefined || agent.capacity === capacity ? [] : [{ ...agent, capacity }];
  });
  if (changed.length === 0) return;
  const changedIds = changed.map(({ agentId }) => agentId);
  const now = await readClock(tx);
  const events = changed.map((agent) => agentUpdated({ ...agent, sequence: agent.sequence + 1 }, actor, createId()));
  await Promise.all([
    typed(tx)
      .update(agents)
      .set({ sequence: expression`${agents.sequence} + 1` })
      .where(isAnyOf(agents.id, changedIds)),
    writeEvents(tx, events, now),
  ]);
}

async function writeChannels(tx: Transaction, named: CommandRequest<"configure">["channels"]): Promise<void> {
  if (named.length === 0) return;
  const set = excluded(channels, "phoneNumberId", "accountId", "name", "groupId");
  await typed(tx).insert(channels).values(inOrder(named)).onConflictDoUpdate({ target: channels.id, set });
}

function refuseReference(error: unknown): Refusal | null {
  const broken = brokenRuleOf(error);
  if (broken === null) return null;
  const { rule, detail } = broken;
  if (rule === "missing-reference") return refuse("invalid", `Something named does not exist: ${detail}`);
  if (rule === "taken") return refuse("invalid", `Something named is taken: ${detail}`);
  return refuse("invalid", "One id stands twice in the same list: name each once.");
}
