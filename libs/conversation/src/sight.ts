import {
  isOwnPermitted,
  nobodysScopeOf,
  refuseOnConversation,
  scopeOf,
  type Asker,
  type HeldConversation,
  type Scope,
} from "./permission.ts";
import type { ConversationState } from "./sending.ts";

/** The conversations that somebody may read, in whatever state, as a statement can look for them. */
export interface Sight {
  /** Those that this agent has, or had last; null: an own one counts no more than another. */
  agentId: string | null;
  /** Those of these groups. */
  groups: Scope;
  /** Of these other groups, those that nobody has. */
  nobodysGroups: Scope;
}

/** Returns the conversations that the asker may read. */
export function sightOf(asker: Asker): Sight {
  const groups = scopeOf(asker, "read");
  return {
    agentId: asker.kind === "agent" && isOwnPermitted(asker, "read") ? asker.agentId : null,
    groups,
    nobodysGroups: withoutGroups(nobodysScopeOf(asker), groups),
  };
}

function withoutGroups(scope: Scope, without: Scope): Scope {
  if (without === "all" || scope === "none") return "none";
  if (without === "none" || scope === "all") return scope;
  const left = scope.filter((id) => !without.includes(id));
  return left.length === 0 ? "none" : left;
}

/** The states of a conversation that somebody may still have to work on: one that is expired waits to be finalised. */
export const WORKED_STATES = ["queued", "active", "expired"] as const satisfies readonly ConversationState[];

const isWorkedOn = ({ state }: HeldConversation) => WORKED_STATES.some((one) => one === state);

/** A ticket, as far as it matters who sees it. */
export interface SeenTicket {
  /** Conversations that are linked to it, proposed or confirmed, open or over. */
  linked: readonly HeldConversation[];
  /** Conversations with the contacts that it is about: its requester, and those of the linked conversations. */
  ofContacts: readonly HeldConversation[];
}

/**
 * Returns whether the asker sees a ticket, with all that it holds: it may read a conversation that is linked to the
 * ticket, or an open one with a contact that the ticket is about. A ticket without either is seen by who reads all.
 */
export function isTicketSeen(asker: Asker, { linked, ofContacts }: SeenTicket): boolean {
  if (scopeOf(asker, "read") === "all") return true;
  return [...linked, ...ofContacts.filter(isWorkedOn)].some(
    (conversation) => refuseOnConversation(asker, "read", conversation) === null,
  );
}
