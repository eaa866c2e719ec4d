import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { OF_NO_GROUP, refuse, refuseUnpermitted, type Refusal } from "@turno/conversation";
import {
  asJson,
  brokenRuleOf,
  isRefusal,
  lockAgents,
  readAsker,
  readClock,
  writeEvents,
  type AgentRow,
  type Sql,
  type Transaction,
} from "@turno/database";
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
  const { groups, agents, channels } = request;
  try {
    await sql.begin(async (tx) => {
      await lockGroups(tx);
      await writeGroups(tx, groups);
      const before = await lockAgents(
        tx,
        agents.map(({ id }) => id),
      );
      await writeAgents(tx, agents);
      await writeCapacityEvents(tx, request, before, createId);
      await writeChannels(tx, channels);
    });
  } catch (error) {
    const refusal = refuseReference(error);
    if (refusal === null) throw error;
    return refusal;
  }
  return {
    answer: { groups: groups.length, agents: agents.length, channels: channels.length },
    affectedGroupIds: [...new Set([...groups.map(({ id }) => id), ...agents.flatMap(({ groupIds }) => groupIds)])],
  };
}

/**
 * Locks all groups. Nothing is given out or claimed while members change, so a member who has left gets nothing from
 * the moment this is answered.
 */
async function lockGroups(tx: Transaction): Promise<void> {
  await tx`select from groups order by id for no key update`;
}

async function writeGroups(tx: Transaction, groups: CommandRequest<"configure">["groups"]): Promise<void> {
  await tx`
    insert into groups (id, name, distribution, needs_presence, returning_within_days, returning_wait_seconds,
      closing_needs_ticket, first_answer_seconds, absent_requeue_seconds)
    select id, name, distribution, "needsPresence", "returningWithinDays", "returningWaitSeconds", "closingNeedsTicket",
      "firstAnswerSeconds", "absentRequeueSeconds"
    from json_to_recordset(${asJson(groups)}::text::json) as named(
      id uuid, name text, distribution text, "needsPresence" boolean, "returningWithinDays" int,
      "returningWaitSeconds" int, "closingNeedsTicket" boolean, "firstAnswerSeconds" int,
      "absentRequeueSeconds" int)
    order by id
    on conflict (id) do update set name = excluded.name, distribution = excluded.distribution,
      needs_presence = excluded.needs_presence, returning_within_days = excluded.returning_within_days,
      returning_wait_seconds = excluded.returning_wait_seconds,
      closing_needs_ticket = excluded.closing_needs_ticket, first_answer_seconds = excluded.first_answer_seconds,
      absent_requeue_seconds = excluded.absent_requeue_seconds`;
}

async function writeAgents(tx: Transaction, agents: CommandRequest<"configure">["agents"]): Promise<void> {
  const rows = asJson(agents);
  await tx`
    insert into agents (id, name, role, capacity)
    select id, name, role, capacity
    from json_to_recordset(${rows}::text::json) as named(id uuid, name text, role text, capacity int)
    order by id
    on conflict (id) do update set name = excluded.name, role = excluded.role, capacity = excluded.capacity`;
  const memberships = asJson(
    agents.flatMap(({ id, groupIds }) => groupIds.map((groupId) => ({ agentId: id, groupId }))),
  );
  await tx`
    delete from group_members as member
    using json_to_recordset(${rows}::text::json) as named(id uuid)
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
  { agents, actor }: CommandRequest<"configure">,
  before: ReadonlyMap<string, AgentRow>,
  createId: () => string,
): Promise<void> {
  const changed = agents.flatMap(({ id, capacity }) => {
    const agent = before.get(id);
    return agent === undefined || agent.capacity === capacity ? [] : [{ ...agent, capacity }];
  });
  if (changed.length === 0) return;
  const now = await readClock(tx);
  const events = changed.map((agent) => agentUpdated({ ...agent, sequence: agent.sequence + 1 }, actor, createId()));
  await Promise.all([
    tx`update agents set sequence = sequence + 1 where id = any(${changed.map(({ agentId }) => agentId)}::uuid[])`,
    writeEvents(tx, events, now),
  ]);
}

async function writeChannels(tx: Transaction, channels: CommandRequest<"configure">["channels"]): Promise<void> {
  await tx`
    insert into channels (id, phone_number_id, account_id, name, group_id)
    select id, "phoneNumberId", "accountId", name, "groupId"
    from json_to_recordset(${asJson(channels)}::text::json) as named(
      id uuid, "phoneNumberId" text, "accountId" text, name text, "groupId" uuid)
    order by id
    on conflict (id) do update set phone_number_id = excluded.phone_number_id,
      account_id = excluded.account_id, name = excluded.name,
      group_id = excluded.group_id`;
}

function refuseReference(error: unknown): Refusal | null {
  const broken = brokenRuleOf(error);
  if (broken === null) return null;
  const { rule, detail } = broken;
  if (rule === "missing-reference") return refuse("invalid", `Something named does not exist: ${detail}`);
  if (rule === "taken") return refuse("invalid", `Something named is taken: ${detail}`);
  return refuse("invalid", "One id stands twice in the same list: name each once.");
}
