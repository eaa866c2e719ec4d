import { PERMISSIONS, CONVERSATION_PERMISSIONS, type Act, type ConversationAct, type State } from "@turno/conversation";
import type { Relation, Role } from "@turno/conversation";
import { stageAgent, STAGE_GROUP } from "@turno/testing";
import { ADMIN, BILLING, OPERATOR, OUTSIDER } from "./fixtures.ts";

/** Somebody of each role, in the group that everything is asked about, and in another one. */
const EACH = {
  agent: { index: 0, role: "agent", groupId: STAGE_GROUP },
  colleague: { index: 1, role: "agent", groupId: STAGE_GROUP },
  outsider: { index: OUTSIDER, role: "agent", groupId: BILLING },
  operator: { index: OPERATOR, role: "operator", groupId: STAGE_GROUP },
  other: { index: 51, role: "operator", groupId: BILLING },
  admin: { index: ADMIN, role: "admin", groupId: null },
} as const satisfies Record<string, { index: number; role: Role; groupId: string | null }>;

export type Somebody = keyof typeof EACH;
export const PERSONS: Record<Somebody, { index: number; role: Role; groupId: string | null }> = EACH;
export const PERSON_NAMES = Object.keys(EACH) as Somebody[];

/** Of the first group until it was deactivated, and none of our agents. */
export const [DEACTIVATED, STRANGER] = [80, 81];

/** How each person stands to something. */
export type Standings = Record<Somebody, readonly Relation[]>;

/** Returns how a person stands to what somebody has, or nobody, and is of these groups, or has nothing to do with groups. */
export function relationsTo(name: Somebody, agentId: string | null, groupIds: readonly string[] | null): Relation[] {
  const { index, role, groupId } = PERSONS[name];
  const isMember = role !== "admin" && (groupIds === null || (groupId !== null && groupIds.includes(groupId)));
  const stands: Record<Relation, boolean> = {
    owner: agentId === stageAgent(index),
    taker: isMember && agentId === null,
    member: isMember,
    operator: isMember && role === "operator",
    admin: role === "admin",
  };
  return (Object.keys(stands) as Relation[]).filter((relation) => stands[relation]);
}

export function standTo(agentId: string | null, groupIds: readonly string[] | null): Standings {
  const entries = PERSON_NAMES.map((name) => [name, relationsTo(name, agentId, groupIds)] as const);
  return Object.fromEntries(entries) as unknown as Standings;
}

/** How each person stands to something of agent 0, to something of its group or of the other, and to what is of no group. */
export const TO_AGENT = standTo(stageAgent(0), [STAGE_GROUP]);
export const TO_GROUP = standTo(null, [STAGE_GROUP]);
export const TO_OTHER_GROUP = standTo(null, [BILLING]);
export const TO_NO_GROUP = standTo(null, null);
/** To what nobody has and no single group holds: where it takes both of them, or another one. */
export const TO_NOTHING = standTo(null, []);

/** Returns who may do it, by the table; with a conversation, in this state. */
export function permittedTo(act: Act | ConversationAct, to: Standings, state: State = "active"): Somebody[] {
  const by: readonly Relation[] =
    act in PERMISSIONS ? PERMISSIONS[act as Act].by : CONVERSATION_PERMISSIONS[act as ConversationAct].cells[state].by;
  return PERSON_NAMES.filter((name) => by.some((relation) => to[name].includes(relation)));
}
