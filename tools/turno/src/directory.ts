import type { CommandAnswer } from "@turno/contracts";
import type { Connection } from "@turno/messaging";
import { ask, CLI_ACTOR, UsageFailure } from "./request.ts";

export type DirectoryGroup = CommandAnswer<"list-groups">["groups"][number];
type GroupAgent = DirectoryGroup["agents"][number];

/** Groups and agents by name or id, as a person writes them. */
export interface Directory {
  groups: DirectoryGroup[];
  /** Every agent of a group, once, with the names of its groups. */
  agents: (GroupAgent & { groups: string[] })[];
  group(nameOrId: string): DirectoryGroup;
  agent(nameOrId: string): GroupAgent;
  agentName(id: string): string;
}

function findOne<T extends { id: string; name: string }>(kind: string, all: readonly T[], nameOrId: string): T {
  const wanted = nameOrId.toLowerCase();
  const found = all.filter(({ id, name }) => id === wanted || name.toLowerCase() === wanted);
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  if (found.length > 1) throw new UsageFailure(`"${nameOrId}" names ${found.length} ${kind}s; use an id`);
  throw new UsageFailure(`no ${kind} is called "${nameOrId}". There are: ${all.map(({ name }) => name).join(", ")}`);
}

export function createDirectory(groups: DirectoryGroup[]): Directory {
  const agents = new Map<string, Directory["agents"][number]>();
  for (const group of groups) {
    for (const agent of group.agents) {
      const known = agents.get(agent.id) ?? { ...agent, groups: [] };
      known.groups.push(group.name);
      agents.set(agent.id, known);
    }
  }
  const all = [...agents.values()];
  return {
    groups,
    agents: all,
    group: (nameOrId) => findOne("group", groups, nameOrId),
    agent: (nameOrId) => findOne("agent", all, nameOrId),
    agentName: (id) => agents.get(id)?.name ?? id,
  };
}

export async function readDirectory(connection: Connection): Promise<Directory> {
  return createDirectory((await ask(connection, "list-groups", { actor: CLI_ACTOR })).groups);
}
