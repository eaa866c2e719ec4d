import type { CommandRequest } from "@turno/contracts";
import { refuse, type Refusal } from "@turno/conversation";
import { asJson, typed, type Transaction } from "@turno/database";
import { agents, channels, groups, programs } from "@turno/database/schema";

type Request = CommandRequest<"configure">;

/** The most that a refusal names. */
const NAMED_MAX = 20;

/**
 * Adds what a complete section does not name and what becomes of it: agents are deactivated, programs act nowhere. Refuses
 * where a group or channel is not named: conversations stand on it. The caller holds the locks of all groups.
 */
export async function completeSections(tx: Transaction, request: Request): Promise<Request | Refusal> {
  const isComplete = (section: Request["complete"][number]) => request.complete.includes(section);
  const db = typed(tx);
  for (const [section, table] of [["groups", groups] as const, ["channels", channels] as const]) {
    if (!isComplete(section)) continue;
    const named = new Set(request[section].map(({ id }) => id));
    const rows = await db.select({ id: table.id, name: table.name }).from(table).orderBy(table.id);
    const unnamed = rows.filter(({ id }) => !named.has(id));
    if (unnamed.length > 0) return refuseUnnamed(section, unnamed);
  }
  const leaving = isComplete("agents") ? await readUnnamedAgents(tx, request) : [];
  const programNames = new Set(request.programs.map(({ name }) => name));
  const programRows = isComplete("programs") ? await db.select({ name: programs.name }).from(programs) : [];
  const nowhere = programRows.filter(({ name }) => !programNames.has(name)).map(({ name }) => ({ name, groupIds: [] }));
  return { ...request, agents: [...request.agents, ...leaving], programs: [...request.programs, ...nowhere] };
}

function refuseUnnamed(section: "groups" | "channels", unnamed: readonly { id: string; name: string }[]): Refusal {
  const words = unnamed.slice(0, NAMED_MAX).map(({ id, name }) => `${name} (${id})`);
  const more = unnamed.length > NAMED_MAX ? ` and ${unnamed.length - NAMED_MAX} more` : "";
  const rule = `${words.join(", ")}${more} exist and are not named: they cannot be removed, name them by \`id\``;
  return refuse("invalid", `${section}: ${rule}.`, { section });
}

/** Reads the agents who work here and are not named, as agents to deactivate. */
async function readUnnamedAgents(tx: Transaction, request: Request): Promise<Request["agents"]> {
  const named = new Set(request.agents.map(({ id }) => id));
  const rows = await typed(tx).select().from(agents).orderBy(agents.id);
  return rows
    .filter(({ id, deactivatedAt }) => deactivatedAt === null && !named.has(id))
    .map(({ id, name, role, capacity }) => ({ id, name, role, capacity, groupIds: [], active: false, force: false }));
}

/**
 * Returns why what a request with complete agents leaves behind does not work, or null: nobody could configure any more, or
 * conversations would wait in a group that has lost its last member.
 */
export async function refuseStranding(
  tx: Transaction,
  request: Request,
  before: ReadonlySet<string>,
): Promise<Refusal | null> {
  if (!request.complete.includes("agents")) return null;
  const [admin] = await tx`select from agents where role = 'admin' and deactivated_at is null limit 1`;
  if (admin === undefined) {
    return refuse("invalid", "agents: no active admin would be left: give one agent the role admin.", {
      section: "agents",
    });
  }
  const stranded = await tx<{ groupId: string; name: string; conversations: number; firstIds: string[] }[]>`
    select groups.id as "groupId", groups.name, count(*)::int as conversations,
      (array_agg(conversation.id order by conversation.id))[1:${NAMED_MAX}::int] as "firstIds"
    from json_to_recordset(${asJson([...before].map((id) => ({ id })))}::text::json) as manned(id uuid)
    join groups on groups.id = manned.id
    join conversations as conversation on conversation.group_id = groups.id
      and conversation.state in ('queued', 'active')
    where not exists (select from group_members where group_id = groups.id)
    group by groups.id order by groups.id`;
  const [first] = stranded;
  if (first === undefined) return null;
  const words = stranded.slice(0, NAMED_MAX).map(({ name, conversations }) => `${name} (${conversations})`);
  const rule = `these groups would have open conversations and no member: ${words.join(", ")}`;
  return refuse("invalid", `groups: ${rule}. Name a member, or hand the conversations over first.`, {
    section: "groups",
    id: first.groupId,
    stranded: stranded.slice(0, NAMED_MAX),
  });
}

/** Returns the groups that have members. */
export async function readMannedGroups(tx: Transaction): Promise<Set<string>> {
  const rows = await tx<
    { id: string }[]
  >`select id from groups where exists (select from group_members where group_id = groups.id)`;
  return new Set(rows.map(({ id }) => id));
}
