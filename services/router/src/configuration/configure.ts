import type { CommandAnswer, CommandRequest, ConfigurationChange } from "@turno/contracts";
import {
  faultOfHours,
  faultOfOutside,
  OF_NO_GROUP,
  refuse,
  refuseDeactivated,
  refuseUnpermitted,
  type Refusal,
} from "@turno/conversation";
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
  TEMPLATES_WAKE_UP,
  typed,
  writeEvents,
  type AgentRow,
  type Sql,
  type Transaction,
} from "@turno/database";
import { agents, channels, groups } from "@turno/database/schema";
import { agentUpdated } from "../assignment/set-availability.ts";
import { compareConfigurations, readConfiguration, writeChangeEvents } from "./changes.ts";
import { completeSections, readMannedGroups, refuseStranding } from "./complete-sections.ts";
import { leaveGroups } from "./leave-groups.ts";
import { refuseSharedLogins, refuseTakenLogins, takeLogins, writeLogins } from "./write-logins.ts";
import { refuseOwnService, writePrograms } from "./write-programs.ts";

export interface ConfigureOutcome {
  answer: CommandAnswer<"configure">;
  /** Groups in which something may now be given out. */
  affectedGroupIds: string[];
}

/** Takes back what a transaction did, and carries out of it what was found. */
class TakenBack extends Error {
  readonly found: ConfigurationChange[] | Refusal;

  constructor(found: ConfigurationChange[] | Refusal) {
    super("the transaction is taken back");
    this.found = found;
  }
}

/**
 * Creates or changes what is named, all or nothing; what is not named does not change, except in a complete section. An
 * agent's groups become those given. A dry run does the same, and takes it back.
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
  const changes = await sql
    .begin((tx) => configureInTransaction(tx, request, createId))
    .catch((error: unknown) => {
      if (error instanceof TakenBack) return error.found;
      const refusal = refuseReference(error);
      if (refusal === null) throw error;
      return refusal;
    });
  if (isRefusal(changes)) return changes;
  const groupIds = [
    ...request.groups.map(({ id }) => id),
    ...request.agents.flatMap((agent) => agent.groupIds),
    ...changes.flatMap(({ moves }) => moves.map(({ groupId }) => groupId)),
  ];
  return {
    answer: {
      groups: request.groups.length,
      agents: request.agents.length,
      channels: request.channels.length,
      programs: request.programs.length,
      changes,
    },
    affectedGroupIds: request.dryRun ? [] : [...new Set(groupIds)],
  };
}

/** Refuses before it writes anything, or takes back what it wrote: what it refuses is kept as it was. */
async function configureInTransaction(
  tx: Transaction,
  asked: CommandRequest<"configure">,
  createId: () => string,
): Promise<ConfigurationChange[] | Refusal> {
  await lockGroups(tx);
  const request = await completeSections(tx, asked);
  if (isRefusal(request)) return request;
  const agentIds = request.agents.flatMap(({ id, handOverTo }) => (handOverTo === undefined ? [id] : [id, handOverTo]));
  const before = await lockAgents(tx, agentIds);
  const refused =
    refuseOwnService(request.programs) ??
    refuseSharedLogins(request.agents) ??
    refuseHours(request.groups) ??
    refuseGroupsOfDeactivated(request.agents, before) ??
    (await refuseTakenLogins(tx, request.agents));
  if (refused !== null) return refused;
  const [was, manned] = [await readConfiguration(tx, request), await readMannedGroups(tx)];
  const moves = await leaveGroups(tx, request, before, createId);
  if (isRefusal(moves)) return moves;
  await writeGroups(tx, request.groups);
  await takeLogins(tx, request.agents);
  await writeAgents(tx, request.agents);
  await writeLogins(tx, request.agents);
  await writeActivity(tx, request.agents);
  await writeAgentEvents(tx, request, before, createId);
  await writeChannels(tx, request.channels);
  await writePrograms(tx, request.programs);
  if (request.channels.length > 0) await tx`select pg_notify(${TEMPLATES_WAKE_UP}, '')`;
  const changes = compareConfigurations(was, await readConfiguration(tx, request), moves);
  await writeChangeEvents(tx, changes, { actor: request.actor, createId });
  const stranding = await refuseStranding(tx, request, manned);
  if (stranding !== null || request.dryRun) throw new TakenBack(stranding ?? changes);
  return changes;
}

function refuseHours(named: CommandRequest<"configure">["groups"]): Refusal | null {
  for (const group of named) {
    const fault = (group.hours === null ? null : faultOfHours(group.hours)) ?? faultOfOutside(group);
    if (fault !== null) return refuse("invalid", `groups: ${group.id}: ${fault}`);
  }
  return null;
}

/** Who is deactivated, or stays so, is of no group. */
function refuseGroupsOfDeactivated(
  named: CommandRequest<"configure">["agents"],
  before: ReadonlyMap<string, AgentRow>,
): Refusal | null {
  for (const { id, active, groupIds } of named) {
    if (groupIds.length === 0 || active === true) continue;
    const of = { section: "agents", id, field: "groupIds" };
    if (active === false) {
      return refuse("invalid", `agents.groupIds: ${id} is deactivated here and leaves all groups.`, of);
    }
    const agent = before.get(id);
    const deactivated = agent === undefined ? null : refuseDeactivated(agent);
    if (deactivated !== null) return { ...deactivated, details: { ...deactivated.details, ...of } };
  }
  return null;
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
    "agentsMayCloseAsSpam",
    "firstAnswerSeconds",
    "answerSeconds",
    "followUpSeconds",
    "offerSeconds",
    "offersMissedMax",
    "lapsesMax",
    "absentRequeueSeconds",
    "whenAway",
    "hours",
    "outsideHours",
    "overflowGroupId",
    "overflowSeconds",
    "automaticWords",
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

/** Deactivates and reactivates. Whoever is deactivated has left its groups and conversations before. */
async function writeActivity(tx: Transaction, named: CommandRequest<"configure">["agents"]): Promise<void> {
  const idsOf = (wanted: boolean) => named.filter(({ active }) => active === wanted).map(({ id }) => id);
  await tx`
    update agents set availability = 'away', present_until = null, deactivated_at = turno_now()
    where id = any(${idsOf(false)}::uuid[]) and deactivated_at is null`;
  await tx`update agents set deactivated_at = null where id = any(${idsOf(true)}::uuid[])`;
}

/**
 * Writes the events of agents whose capacity changed, or who were deactivated or reactivated. A new agent is away, so its
 * first event is that it is available.
 */
async function writeAgentEvents(
  tx: Transaction,
  { agents: named, actor }: CommandRequest<"configure">,
  before: ReadonlyMap<string, AgentRow>,
  createId: () => string,
): Promise<void> {
  const changed = named.flatMap(({ id, capacity, active }) => {
    const agent = before.get(id);
    if (agent === undefined) return [];
    const isTurned = active !== undefined && active !== (agent.deactivatedAt === null);
    if (agent.capacity === capacity && !isTurned) return [];
    const availability = active === false ? ("away" as const) : agent.availability;
    return [{ ...agent, capacity, availability, active: isTurned ? active : undefined }];
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
  const set = excluded(channels, "phoneNumberId", "accountId", "name", "groupId", "ratePerSecond");
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
