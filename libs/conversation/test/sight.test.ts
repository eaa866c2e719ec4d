import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CONVERSATION_PERMISSIONS,
  isTicketSeen,
  PERMISSIONS,
  refuseOnConversation,
  ROLE_NAMES,
  sightOf,
  STATES,
  type Asker,
  type HeldConversation,
  type Role,
  type Sight,
} from "../src/index.ts";

const ids = fc.constantFrom("a", "b", "c");
const askers = fc.record({
  kind: fc.constant("agent" as const),
  agentId: ids,
  role: fc.constantFrom(...ROLE_NAMES, "stranger" as Role),
  groupIds: fc.uniqueArray(ids),
});
const conversations: fc.Arbitrary<HeldConversation> = fc.record({
  agentId: fc.option(ids, { nil: null }),
  groupId: ids,
  state: fc.constantFrom("queued", "active", "expired", "closed", "failed"),
  continuedById: fc.constantFrom(null, "new"),
  offeredUntil: fc.constantFrom(null, new Date()),
});

const person = (role: Role, agentId: string, ...groupIds: string[]): Asker => ({
  kind: "agent",
  agentId,
  role,
  groupIds,
});
const [member, operator, admin] = [
  person("agent", "ana", "g"),
  person("operator", "otto", "g"),
  person("admin", "ada"),
];
const service: Asker = { kind: "service", name: "cli", groupIds: "all" };
const seenBy = (linked: readonly HeldConversation[], ofContacts: readonly HeldConversation[] = []) =>
  [member, operator, admin, service].map((asker) => isTicketSeen(asker, { linked, ofContacts }));
const held = (agentId: string | null, groupId: string, state: HeldConversation["state"] = "active") => ({
  agentId,
  groupId,
  state,
});

/** A sight as a statement asks for it. */
function isWithin({ agentId, groups, nobodysGroups }: Sight, one: HeldConversation): boolean {
  const isOf = (scope: Sight["groups"]) => scope === "all" || (scope !== "none" && scope.includes(one.groupId));
  return (agentId !== null && one.agentId === agentId) || isOf(groups) || (one.agentId === null && isOf(nobodysGroups));
}

describe("a sight", () => {
  it("holds exactly the conversations that one may read, whatever their state", () => {
    fc.assert(
      fc.property(askers, conversations, (asker, conversation) => {
        const mayRead = refuseOnConversation(asker, "read", conversation) === null;
        expect(isWithin(sightOf(asker), conversation)).toBe(mayRead);
      }),
    );
    expect(sightOf(service)).toEqual({ agentId: null, groups: "all", nobodysGroups: "none" });
  });
});

describe("a ticket", () => {
  it("is seen by the relations that its permission names, as a conversation is", () => {
    for (const state of STATES) {
      expect(PERMISSIONS["read-tickets"].by, state).toEqual(CONVERSATION_PERMISSIONS.read.cells[state].by);
    }
  });

  it("is seen through a linked conversation that one may read, also when it is over", () => {
    for (const state of ["active", "expired", "closed", "failed"] as const) {
      expect(seenBy([held("ana", "h", state)])).toEqual([true, false, true, true]);
      expect(seenBy([held("bob", "g", state)])).toEqual([false, true, true, true]);
      expect(seenBy([held("bob", "h", state)])).toEqual([false, false, true, true]);
      expect(seenBy([held("bob", "h", state), held("ana", "h", state)])).toEqual([true, false, true, true]);
    }
    expect(seenBy([held(null, "g", "queued")])).toEqual([true, true, true, true]);
    expect(seenBy([held(null, "h", "queued")])).toEqual([false, false, true, true]);
  });

  it("is seen by who may read an open conversation with its contact, until that is over", () => {
    for (const state of ["active", "expired"] as const) {
      expect(seenBy([], [held("ana", "h", state)])).toEqual([true, false, true, true]);
      expect(seenBy([held("bob", "h", "closed")], [held("bob", "g", state)])).toEqual([false, true, true, true]);
    }
    for (const state of ["queued", "expired"] as const) {
      expect(seenBy([], [held(null, "g", state)])).toEqual([true, true, true, true]);
      expect(seenBy([], [held(null, "h", state)])).toEqual([false, false, true, true]);
    }
    for (const state of ["closed", "failed"] as const) {
      expect(seenBy([], [held("ana", "g", state)])).toEqual([false, false, true, true]);
    }
  });

  it("of no conversation and no contact is for who reads everything", () => {
    expect(seenBy([])).toEqual([false, false, true, true]);
  });
});
