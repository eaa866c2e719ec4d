import { refuse, type Refusal } from "./refusal.ts";

/** Who asks, as far as the rules care. Programs are let in by the broker's permissions, so a service may do all. */
export type Asker =
  | { kind: "agent"; agentId: string; role: "agent" | "operator" | "admin"; groupIds: readonly string[] }
  | { kind: "service" };

const isAdmin = (asker: Asker) => asker.kind === "service" || asker.role === "admin";

export const isOperatorOf = (asker: Asker, groupIds: readonly string[]) =>
  isAdmin(asker) ||
  (asker.kind === "agent" && asker.role === "operator" && groupIds.some((id) => asker.groupIds.includes(id)));

export const isMemberOf = (asker: Asker, groupId: string) =>
  isAdmin(asker) || (asker.kind === "agent" && asker.groupIds.includes(groupId));

/** For an agent itself, an operator of one of its groups, or an admin. */
export function refuseActingFor(asker: Asker, agent: { agentId: string; groupIds: readonly string[] }): Refusal | null {
  if (asker.kind === "agent" && asker.agentId === agent.agentId) return null;
  if (isOperatorOf(asker, agent.groupIds)) return null;
  return refuse("not-permitted", "Only the agent itself, an operator of one of its groups or an admin may do this.");
}

/** For the agent that has the conversation, members of the group while it waits, operators of the group, admins. */
export function refuseTransferBy(
  asker: Asker,
  conversation: { agentId: string | null; groupId: string },
  force: boolean,
): Refusal | null {
  if (isOperatorOf(asker, [conversation.groupId])) return null;
  if (force) return refuse("not-permitted", "Only an operator of the group or an admin may force a transfer.");
  const isOwn = asker.kind === "agent" && conversation.agentId === asker.agentId;
  const isInOwnQueue = conversation.agentId === null && isMemberOf(asker, conversation.groupId);
  if (isOwn || isInOwnQueue) return null;
  return refuse("not-permitted", "This conversation is another agent's. An operator of its group may transfer it.");
}

export function refuseReadingGroup(asker: Asker, groupId: string): Refusal | null {
  if (isMemberOf(asker, groupId)) return null;
  return refuse("not-permitted", "Only members of the group, its operators and admins may see its queue.");
}

export function refuseUnlessAdmin(asker: Asker): Refusal | null {
  return isAdmin(asker) ? null : refuse("not-permitted", "Only an admin may do this.");
}

export function refuseSeeingCircuits(asker: Asker): Refusal | null {
  if (asker.kind === "service" || asker.role !== "agent") return null;
  return refuse("not-permitted", "Only an operator or an admin may see where sending is stopped.");
}

/** A token's circuit stops every group, so it is for admins; others are for operators of a group whose channel it stops. */
export function refuseResettingCircuit(asker: Asker, scope: string, groupIds: readonly string[]): Refusal | null {
  if (scope === "token" ? isAdmin(asker) : isOperatorOf(asker, groupIds)) return null;
  const who = scope === "token" ? "an admin" : "an operator of a group whose channel it stops, or an admin";
  return refuse("not-permitted", `Only ${who} may let sending go on here.`);
}
