import {
  CONFIGURED_SECTIONS,
  COMMANDS,
  type CommandRequest,
  type ConfigurationChange,
  type ConfiguredSection,
} from "@turno/contracts";
import { isAnyOf, readClock, typed, writeEvents, type NewEvent, type Transaction } from "@turno/database";
import { agentLogins, agents, channels, groupMembers, groups, programGroups, programs } from "@turno/database/schema";
import type { HandedOver } from "./leave-groups.ts";

type Values = Readonly<Record<string, unknown>>;

/** What is configured, by section and id, in the fields of `configure`. */
export type Configuration = Readonly<Record<ConfiguredSection, ReadonlyMap<string, Values>>>;

/** The fields of a section's entries. What a command adds to its schema is compared without another word. */
const fieldsOf = (section: ConfiguredSection) =>
  Object.keys(COMMANDS.configure.request.shape[section].unwrap().element.shape);

const pick = (section: ConfiguredSection, row: Values): Values =>
  Object.fromEntries(fieldsOf(section).flatMap((field) => (row[field] === undefined ? [] : [[field, row[field]]])));

/** Returns rows by their key, in the order in which the request names them. */
function inOrder(section: ConfiguredSection, key: string, named: readonly string[], rows: readonly Values[]) {
  const byKey = new Map(rows.map((row) => [String(row[key]), pick(section, row)]));
  return new Map(
    named.flatMap((id): [string, Values][] => {
      const values = byKey.get(id.toLowerCase()) ?? byKey.get(id);
      return values === undefined ? [] : [[id, values]];
    }),
  );
}

const idsOf = (named: readonly { id: string }[]) => named.map(({ id }) => id);
const idsIn = (rows: readonly { groupId: string }[] | undefined) =>
  (rows ?? []).map(({ groupId }) => groupId).toSorted();

/** Reads what a request names as it is now. The caller holds the locks of all groups. */
export async function readConfiguration(tx: Transaction, request: CommandRequest<"configure">): Promise<Configuration> {
  const [groupIds, agentIds, channelIds] = [idsOf(request.groups), idsOf(request.agents), idsOf(request.channels)];
  const names = request.programs.map(({ name }) => name);
  const db = typed(tx);
  const [groupRows, agentRows, memberRows, loginRows, channelRows, programRows, actingRows] = await Promise.all([
    db.select().from(groups).where(isAnyOf(groups.id, groupIds)),
    db.select().from(agents).where(isAnyOf(agents.id, agentIds)),
    db.select().from(groupMembers).where(isAnyOf(groupMembers.agentId, agentIds)),
    db
      .select()
      .from(agentLogins)
      .where(isAnyOf(agentLogins.agentId, agentIds))
      .orderBy(agentLogins.issuer, agentLogins.subject),
    db.select().from(channels).where(isAnyOf(channels.id, channelIds)),
    db.select().from(programs).where(isAnyOf(programs.name, names)),
    db.select().from(programGroups).where(isAnyOf(programGroups.programName, names)),
  ]);
  const groupsOfAgents = Map.groupBy(memberRows, ({ agentId }) => agentId);
  const loginsOfAgents = Map.groupBy(loginRows, ({ agentId }) => agentId);
  const groupsOfPrograms = Map.groupBy(actingRows, ({ programName }) => programName);
  return {
    groups: inOrder("groups", "id", groupIds, groupRows),
    agents: inOrder(
      "agents",
      "id",
      agentIds,
      agentRows.map((row) => {
        const logins = (loginsOfAgents.get(row.id) ?? []).map(({ issuer, subject }) => ({ issuer, subject }));
        return { ...row, groupIds: idsIn(groupsOfAgents.get(row.id)), logins, active: row.deactivatedAt === null };
      }),
    ),
    channels: inOrder("channels", "id", channelIds, channelRows),
    programs: inOrder(
      "programs",
      "name",
      names,
      programRows.map(({ name, inAllGroups }) => {
        return { name, groupIds: inAllGroups ? "all" : idsIn(groupsOfPrograms.get(name)) };
      }),
    ),
  };
}

/** Returns what differs between two configurations of the same entries, and where agents' conversations went. */
export function compareConfigurations(
  before: Configuration,
  after: Configuration,
  moves: readonly HandedOver[],
): ConfigurationChange[] {
  const movesOf = Map.groupBy(moves, ({ agentId }) => agentId);
  return CONFIGURED_SECTIONS.flatMap((section) =>
    [...after[section]].flatMap(([id, is]): ConfigurationChange[] => {
      const was = before[section].get(id);
      const fields = Object.keys(is).filter((field) => !isSame(was?.[field], is[field]));
      const moved = section === "agents" ? countMoves(movesOf.get(id) ?? []) : [];
      if (fields.length === 0 && moved.length === 0) return [];
      const only = (values: Values) => Object.fromEntries(fields.map((field) => [field, values[field]]));
      const change = { section, id, name: String(is["name"]), after: only(is), moves: moved };
      if (was === undefined) return [{ ...change, change: "created", before: {} }];
      return [{ ...change, change: nameChange(was, is), before: only(was) }];
    }),
  );
}

const isSame = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);

function nameChange(was: Values, is: Values): ConfigurationChange["change"] {
  if (was["active"] === is["active"]) return "changed";
  return is["active"] === true ? "reactivated" : "deactivated";
}

function countMoves(moves: readonly HandedOver[]): ConfigurationChange["moves"] {
  const counted = Map.groupBy(moves, ({ groupId, toAgentId }) => `${groupId} ${toAgentId}`);
  return [...counted.values()].flatMap((same) =>
    same.slice(0, 1).map(({ groupId, toAgentId }) => ({ groupId, toAgentId, conversations: same.length })),
  );
}

/** Writes an event of each change. All of one request count from 1. */
export async function writeChangeEvents(
  tx: Transaction,
  changes: readonly ConfigurationChange[],
  { actor, createId }: { actor: CommandRequest<"configure">["actor"]; createId: () => string },
): Promise<void> {
  if (changes.length === 0) return;
  const requestId = createId();
  const events = changes.map((change, index): NewEvent => {
    return {
      id: createId(),
      type: "configuration.changed",
      sequence: index + 1,
      data: { ...change, requestId, actor },
    };
  });
  await writeEvents(tx, events, await readClock(tx));
}
