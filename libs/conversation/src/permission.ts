import {
  CONVERSATION_PERMISSIONS,
  PERMISSIONS,
  type Act,
  type ConversationAct,
  type ConversationPermission,
  type Permission,
} from "./permission-table.ts";
import { refuse, type Refusal } from "./refusal.ts";
import { RELATIONS_OF, ROLES, type Relation, type Role, type RoleRow } from "./roles.ts";
import type { ConversationState, MessageNeed } from "./sending.ts";

/**
 * Who asks, as far as the rules care. A service is one of ours, which acts in all groups, or a program, which acts in those
 * that are configured for it. What it may do there the broker's permissions say.
 */
export type Asker =
  | { kind: "agent"; agentId: string; role: Role; groupIds: readonly string[] }
  | { kind: "service"; name: string; groupIds: "all" | readonly string[] };

/** What somebody asks about. */
export interface Subject {
  /** Whose it is; empty while it is nobody's. */
  agentIds: readonly string[];
  /** The groups that it is of, maybe none; null for what has nothing to do with groups. */
  groupIds: readonly string[] | null;
}

/** What has nothing to do with an agent or a group: a standing alone decides. */
export const OF_NO_GROUP: Subject = { agentIds: [], groupIds: null };

/** A conversation, as far as permissions care. */
export interface HeldConversation {
  agentId: string | null;
  groupId: string;
  state: ConversationState;
  /** The conversation in which it goes on. Only an expired one can have it. */
  continuedById?: string | null;
  /** Until when it is only offered to its agent. */
  offeredUntil?: Date | null;
}

const DENIED = "You may not do this.";

/** Returns why the asker may not do this, or null where it may. */
export function refuseUnpermitted(asker: Asker, act: Act, subject: Subject): Refusal | null {
  const { denied = DENIED }: Permission = PERMISSIONS[act];
  return isPermitted(asker, act, subject) ? null : refuseAsker(asker, denied);
}

/** A program is told what an admin configures, since no role and no membership would help it. */
function refuseAsker(asker: Asker, denied: string): Refusal {
  if (asker.kind === "agent") return refuse("not-permitted", denied);
  const message =
    asker.groupIds.length === 0
      ? `The program ${asker.name} may act in no group: an admin names its groups with \`configure\`.`
      : `The program ${asker.name} may not do this: it acts only in its groups, which an admin names with \`configure\`.`;
  return refuse("not-permitted", message);
}

export function isPermitted(asker: Asker, act: Act, subject: Subject): boolean {
  return isOneOf(PERMISSIONS[act].by, asker, subject);
}

/** Returns why the asker may not even try this with the conversation, or null where it may: then the state decides. */
export function refuseOnConversation(
  asker: Asker,
  act: ConversationAct,
  conversation: HeldConversation,
): Refusal | null {
  const { denied = DENIED, deniedTaker = denied }: ConversationPermission = CONVERSATION_PERMISSIONS[act];
  const subject = subjectOf(conversation);
  if (isOneOf(cellOf(act, conversation).by, asker, subject)) return null;
  return refuseAsker(asker, isOneOf(["taker"], asker, subject) ? deniedTaker : denied);
}

/** The acts that are offered with a conversation, in the order in which they are shown. */
const OFFERED = [
  "accept",
  "decline",
  "claim",
  "send",
  "ticket-link",
  "close",
  "transfer",
  "force-transfer",
  "template",
  "finalise",
] as const satisfies readonly ConversationAct[];

/** Returns what the asker can do with a conversation now. Nobody sends free form once the session is over. */
export function actionsFor(
  asker: Asker,
  conversation: HeldConversation & { isSessionOpen: boolean },
): (typeof OFFERED)[number][] {
  return OFFERED.filter((act) => {
    if (act === "send" && !conversation.isSessionOpen) return false;
    const { by, code } = cellOf(act, conversation);
    return code === null && isOneOf(by, asker, subjectOf(conversation));
  });
}

/** What is asked for whole groups at once. Where it is about conversations: about those that other agents have. */
const SCOPES = {
  read: CONVERSATION_PERMISSIONS.read.cells.active.by,
  claim: CONVERSATION_PERMISSIONS.claim.cells.queued.by,
  "list-queue": PERMISSIONS["list-queue"].by,
  "set-availability": PERMISSIONS["set-availability"].by,
  "join-contacts": PERMISSIONS["join-contacts"].by,
  "start-conversation": PERMISSIONS["start-conversation"].by,
};

export type ScopeName = keyof typeof SCOPES;
export const SCOPE_NAMES = Object.keys(SCOPES) as [ScopeName, ...ScopeName[]];

/** All groups, none, or these. */
export type Scope = "all" | "none" | readonly string[];

/** Returns the groups in which the asker may do this also with what other agents have. */
export function scopeOf(asker: Asker, name: ScopeName): Scope {
  const anothers = { agentIds: ["another agent"] };
  if (isOneOf(SCOPES[name], asker, { ...anothers, groupIds: [] })) return "all";
  const isInOwn = isOneOf(SCOPES[name], asker, { ...anothers, groupIds: null });
  return isInOwn ? asker.groupIds : "none";
}

/** Returns the groups in which the asker may read what expired while nobody had it. */
export function nobodysScopeOf(asker: Asker): Scope {
  const { by } = CONVERSATION_PERMISSIONS.read.cells.expired;
  if (isOneOf(by, asker, { agentIds: [], groupIds: [] })) return "all";
  const isInOwn = isOneOf(by, asker, { agentIds: [], groupIds: null });
  return isInOwn ? asker.groupIds : "none";
}

/** Whether the asker may do this with what is its own, in whatever group. */
export function isOwnPermitted(asker: Extract<Asker, { kind: "agent" }>, name: ScopeName): boolean {
  return isOneOf(SCOPES[name], asker, { agentIds: [asker.agentId], groupIds: [] });
}

/** Returns why the asker may not send what needs this in the agent's name, or null where it may: then the state decides. */
export function refuseSendBy(
  asker: Asker,
  agentId: string,
  need: MessageNeed,
  conversation: HeldConversation,
): Refusal | null {
  if (asker.kind === "agent" && asker.agentId !== agentId) {
    return refuseUnpermitted(asker, "send-for", subjectOf(conversation));
  }
  const act = { "free-form": "send", template: "template", read: "receipt" } as const;
  return refuseOnConversation(asker, act[need], conversation);
}

const cellOf = (act: ConversationAct, { state, continuedById, offeredUntil }: HeldConversation) => {
  const { cells } = CONVERSATION_PERMISSIONS[act];
  if (state === "active" && (offeredUntil ?? null) !== null) return cells.offered;
  if (state === "expired" && (continuedById ?? null) !== null) return cells.continued;
  return cells[state === "failed" ? "closed" : state];
};

const subjectOf = ({ agentId, groupId }: HeldConversation): Subject => ({
  agentIds: agentId === null ? [] : [agentId],
  groupIds: [groupId],
});

/** By names that may come from a later release: what this one does not know stands in no relation, and may do nothing. */
const roles: Readonly<Record<string, RoleRow>> = ROLES;
const relationsOf: Readonly<Record<string, readonly Relation[]>> = RELATIONS_OF;

/** Whether the asker stands in one of these relations to the subject. */
function isOneOf(relations: readonly Relation[], asker: Asker, { agentIds, groupIds }: Subject): boolean {
  if (asker.kind === "service") return reachesAsProgram(relations, asker.groupIds, groupIds);
  const role = roles[asker.role];
  if (role === undefined) return false;
  const isMember = groupIds === null || groupIds.some((id) => asker.groupIds.includes(id));
  const isReached = isMember || role.reach === "everywhere";
  const standsSo = (relation: Relation) => {
    if (relation === "owner") return agentIds.includes(asker.agentId);
    if (relation === "taker") return isMember && agentIds.length === 0;
    return relation === "member" ? isMember : isReached;
  };
  const own = relationsOf[role.standing] ?? [];
  return relations.some((relation) => own.includes(relation) && standsSo(relation));
}

/** A program does in its groups what anybody may do there. What only admins may do is of no group: it needs them all. */
function reachesAsProgram(
  relations: readonly Relation[],
  own: "all" | readonly string[],
  of: readonly string[] | null,
) {
  if (own === "all") return true;
  if (relations.every((relation) => relation === "admin")) return false;
  return of === null ? own.length > 0 : of.some((id) => own.includes(id));
}
