import { OPEN_USER, type CommandInput } from "@turno/contracts";
import { requestCommand, type Connection } from "@turno/messaging";

/** Ids are fixed, so that each start finds what the first one made. */
const idOf = (number: number) => `01900000-0000-7000-8000-${String(number).padStart(12, "0")}`;

/** The WhatsApp Business Account (WABA) of both numbers; its templates may be sent on them. */
export const SEED_ACCOUNT_ID = "102290129340398";
/** Small enough that queues form when many write at once. */
export const CAPACITY = 8;

const ACTOR = { kind: "service", name: OPEN_USER } as const;
const SUPPORT = idOf(1);
/** Manual: its agents claim. */
export const BILLING_GROUP = idOf(2);

export const SEED_CHANNELS = {
  support: {
    id: idOf(21),
    phoneNumberId: "106540352242922",
    name: "Support line",
    groupId: SUPPORT,
    accountId: SEED_ACCOUNT_ID,
  },
  billing: {
    id: idOf(22),
    phoneNumberId: "106540352242923",
    name: "Billing line",
    groupId: BILLING_GROUP,
    accountId: SEED_ACCOUNT_ID,
  },
};

export const SEED_AGENTS = [
  { id: idOf(11), name: "Ana", groupIds: [SUPPORT] },
  { id: idOf(12), name: "Bruno", groupIds: [SUPPORT] },
  { id: idOf(13), name: "Carla", groupIds: [SUPPORT] },
  { id: idOf(14), name: "Diego", groupIds: [SUPPORT] },
  { id: idOf(15), name: "Elena", groupIds: [SUPPORT] },
  { id: idOf(16), name: "Fabio", groupIds: [BILLING_GROUP] },
  { id: idOf(17), name: "Gabi", groupIds: [BILLING_GROUP] },
];

const CONFIGURATION: CommandInput<"configure"> = {
  actor: ACTOR,
  groups: [
    { id: SUPPORT, name: "Support", distribution: "automatic" },
    { id: BILLING_GROUP, name: "Billing", distribution: "manual" },
  ],
  agents: SEED_AGENTS.map((agent) => ({ ...agent, capacity: CAPACITY })),
  channels: Object.values(SEED_CHANNELS),
};

function assertDone(reply: object): void {
  if ("refusal" in reply) throw new Error(`the seed was refused: ${JSON.stringify(reply.refusal)}`);
}

/** Makes the demo's groups, agents and channels, once; what was changed since by hand stays. Tells whether it did. */
export async function seed(connection: Connection): Promise<boolean> {
  const options = { timeoutMs: 10_000 };
  const known = await requestCommand(connection, "list-groups", { actor: ACTOR }, options);
  assertDone(known);
  if ("ok" in known && known.groups.some(({ id }) => id === SUPPORT)) return false;
  assertDone(await requestCommand(connection, "configure", CONFIGURATION, options));
  for (const { id } of SEED_AGENTS) {
    const change = { actor: ACTOR, agentId: id, availability: "available" } as const;
    assertDone(await requestCommand(connection, "set-availability", change, options));
  }
  return true;
}
