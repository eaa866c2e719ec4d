import { OPEN_USER } from "@turno/contracts";
import { requestCommand, type Connection } from "@turno/messaging";
import { waitFor } from "@turno/testing";

export const ACTOR = { kind: "service", name: OPEN_USER } as const;

const id = (kind: number, index = 0) =>
  `00000000-0000-7000-8000-${String(kind).padStart(4, "0")}${String(index).padStart(8, "0")}`;

/**
 * Three queues. In `fair` nothing but customers decides, so the agents' turns must come out even; in `busy` agents come
 * and go and conversations are transferred; in `manual` agents claim.
 */
export const PROVE_GROUPS = { fair: id(1, 1), busy: id(1, 2), manual: id(1, 3) } as const;
type GroupName = keyof typeof PROVE_GROUPS;

const MEMBERS: Record<GroupName, number> = { fair: 5, busy: 5, manual: 4 };
const NAMES = Object.keys(PROVE_GROUPS) as GroupName[];

export const agentsOf = (group: GroupName): string[] =>
  Array.from({ length: MEMBERS[group] }, (_, index) => id(2, NAMES.indexOf(group) * 100 + index));

export const CHANNELS = NAMES.map((_, index) => ({
  accountId: "100",
  phoneNumberId: String(201 + index),
  displayPhoneNumber: `1555000111${index}`,
}));

/** Configures groups, agents and channels, all agents available. Waits for the routers, which may still be connecting. */
export async function configurePeople({ connection }: { connection: Connection }): Promise<void> {
  const ask = { timeoutMs: 5_000 };
  const input = {
    actor: ACTOR,
    groups: NAMES.map((name) => ({
      id: PROVE_GROUPS[name],
      name,
      distribution: name === "manual" ? ("manual" as const) : ("automatic" as const),
      countsPresence: false,
      followUpSeconds: 0,
    })),
    agents: NAMES.flatMap((name) =>
      agentsOf(name).map((agentId, index) => ({
        id: agentId,
        name: `${name} ${index}`,
        capacity: null,
        groupIds: [PROVE_GROUPS[name]],
      })),
    ),
    channels: NAMES.map((name, index) => ({
      id: id(3, index),
      phoneNumberId: CHANNELS[index]?.phoneNumberId ?? "",
      accountId: "100",
      name,
      groupId: PROVE_GROUPS[name],
    })),
  };
  await waitFor(async () => "ok" in (await requestCommand(connection, "configure", input, ask)), {
    what: "the routers take the configuration",
    timeoutMs: 60_000,
    intervalMs: 200,
  });
  for (const agentId of NAMES.flatMap(agentsOf)) {
    const change = { actor: ACTOR, agentId, availability: "available" as const };
    const reply = await requestCommand(connection, "set-availability", change, ask);
    if ("refusal" in reply) throw new Error(`an agent cannot become available: ${reply.refusal.message}`);
  }
}
