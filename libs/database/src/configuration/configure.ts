import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { refuse, refuseUnlessAdmin, type Refusal } from "@turno/conversation";
import { and, inArray, sql as raw } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { isRefusal, readAsker } from "../assignment/asker.ts";
import type { Sql } from "../connection.ts";
import { agents, channels, groupMembers, groups } from "../schema/index.ts";

export interface ConfigureOutcome {
  answer: CommandAnswer<"configure">;
  /** Groups in which something may now be given out. */
  affectedGroupIds: string[];
}

const FOREIGN_KEY_VIOLATION = "23503";
const UNIQUE_VIOLATION = "23505";

/** Creates or changes what is named, all or nothing; what is not named stays. An agent's groups become those given. */
export async function configure(sql: Sql, request: CommandRequest<"configure">): Promise<ConfigureOutcome | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const denied = refuseUnlessAdmin(asker);
  if (denied !== null) return denied;
  try {
    await drizzle(sql).transaction(async (tx) => {
      if (request.groups.length > 0) {
        await tx
          .insert(groups)
          .values(request.groups)
          .onConflictDoUpdate({ target: groups.id, set: excluded(groups, GROUP_SETTINGS) });
      }
      if (request.agents.length > 0) {
        await tx
          .insert(agents)
          .values(request.agents.map(({ id, name, role, capacity }) => ({ id, name, role, capacity })))
          .onConflictDoUpdate({ target: agents.id, set: excluded(agents, ["name", "role", "capacity"]) });
        await setMemberships(tx, request.agents);
      }
      if (request.channels.length > 0) {
        await tx
          .insert(channels)
          .values(request.channels)
          .onConflictDoUpdate({ target: channels.id, set: excluded(channels, ["phoneNumberId", "name", "groupId"]) });
      }
    });
  } catch (error) {
    const refusal = refuseReference(error);
    if (refusal === null) throw error;
    return refusal;
  }
  return {
    answer: { groups: request.groups.length, agents: request.agents.length, channels: request.channels.length },
    affectedGroupIds: [
      ...new Set([...request.groups.map(({ id }) => id), ...request.agents.flatMap(({ groupIds }) => groupIds)]),
    ],
  };
}

const GROUP_SETTINGS = [
  "name",
  "distribution",
  "needsPresence",
  "returningWithinDays",
  "returningWaitSeconds",
] as const;

type Table = typeof groups | typeof agents | typeof channels;
type Database = ReturnType<typeof drizzle>;
type DrizzleTransaction = Parameters<Parameters<Database["transaction"]>[0]>[0];

function excluded<T extends Table>(table: T, columns: readonly (keyof T["_"]["columns"] & string)[]) {
  return Object.fromEntries(
    columns.map((column) => {
      const { name } = table[column as keyof T] as { name: string };
      return [column, raw.raw(`excluded.${name}`)];
    }),
  );
}

async function setMemberships(tx: DrizzleTransaction, named: CommandRequest<"configure">["agents"]): Promise<void> {
  const memberships = named.flatMap(({ id, groupIds }) => groupIds.map((groupId) => ({ agentId: id, groupId })));
  const agentIds = named.map(({ id }) => id);
  const kept = memberships.map(({ agentId, groupId }) => raw`(${agentId}::uuid, ${groupId}::uuid)`);
  const isDropped =
    kept.length === 0
      ? raw`true`
      : raw`(${groupMembers.agentId}, ${groupMembers.groupId}) not in (${raw.join(kept, raw`, `)})`;
  await tx.delete(groupMembers).where(and(inArray(groupMembers.agentId, agentIds), isDropped));
  if (memberships.length > 0) await tx.insert(groupMembers).values(memberships).onConflictDoNothing();
}

function refuseReference(error: unknown): Refusal | null {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (!(cause instanceof postgres.PostgresError)) return null;
  if (cause.code === FOREIGN_KEY_VIOLATION) {
    return refuse("invalid", `Something named does not exist: ${cause.detail ?? cause.message}`);
  }
  if (cause.code === UNIQUE_VIOLATION) {
    return refuse("invalid", `Something named is taken: ${cause.detail ?? cause.message}`);
  }
  return null;
}
