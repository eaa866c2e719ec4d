import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  actionsFor,
  CONVERSATION_PERMISSIONS,
  isPermitted,
  nobodysScopeOf,
  OF_NO_GROUP,
  PERMISSIONS,
  refuseOnConversation,
  refuseSendBy,
  refuseUnpermitted,
  SCOPE_NAMES,
  scopeOf,
  type Act,
  type Asker,
  type ConversationAct,
  type Permission,
} from "../src/index.ts";

const service: Asker = { kind: "service", name: "router", groupIds: "all" };
const CONVERSATION_ACTS = Object.keys(CONVERSATION_PERMISSIONS) as ConversationAct[];
const ACTS = Object.keys(PERMISSIONS) as Act[];
const ids = fc.constantFrom("a", "b", "c");
const subjects = fc.record({ agentIds: fc.uniqueArray(ids), groupIds: fc.option(fc.uniqueArray(ids), { nil: null }) });
const conversations = fc.record({
  agentId: fc.option(ids, { nil: null }),
  groupId: ids,
  state: fc.constantFrom(
    "queued" as const,
    "active" as const,
    "expired" as const,
    "closed" as const,
    "failed" as const,
  ),
  continuedById: fc.constantFrom(null, "new"),
  offeredUntil: fc.constantFrom(null, new Date()),
});
const program = (...groupIds: string[]): Asker => ({ kind: "service", name: "bot", groupIds });

describe("a program", () => {
  it("acts with the conversations of its groups, whoever has them and whatever their state, and with no others", () => {
    fc.assert(
      fc.property(fc.uniqueArray(ids), conversations, (own, conversation) => {
        const isOwn = own.includes(conversation.groupId);
        const asker = program(...own);
        for (const act of CONVERSATION_ACTS) {
          expect(refuseOnConversation(asker, act, conversation) === null, act).toBe(isOwn);
        }
        for (const need of ["free-form", "template", "read"] as const) {
          expect(refuseSendBy(asker, "a", need, conversation) === null, need).toBe(isOwn);
        }
        const offered = actionsFor(asker, { ...conversation, isSessionOpen: true });
        expect(isOwn ? [] : offered).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it("does elsewhere what is of one of its groups or of none, and nothing that is for admins alone", () => {
    const isForAdmins = (act: Act) => (PERMISSIONS[act] as Permission).by.every((relation) => relation === "admin");
    fc.assert(
      fc.property(fc.uniqueArray(ids), subjects, (own, subject) => {
        const isOwn = subject.groupIds === null ? own.length > 0 : subject.groupIds.some((id) => own.includes(id));
        for (const act of ACTS)
          expect(isPermitted(program(...own), act, subject), act).toBe(isOwn && !isForAdmins(act));
        for (const act of ACTS) expect(isPermitted(service, act, subject), act).toBe(true);
      }),
      { numRuns: 100 },
    );
    expect(ACTS.filter(isForAdmins)).toEqual(["reset-token", "access-tokens", "configure", "dead-letters"]);
  });

  it("without a group may do nothing, and sees nothing", () => {
    for (const act of ACTS) expect(isPermitted(program(), act, OF_NO_GROUP), act).toBe(false);
    for (const name of SCOPE_NAMES) {
      expect([scopeOf(program(), name), scopeOf(program("g"), name), scopeOf(service, name)]).toEqual([
        "none",
        ["g"],
        "all",
      ]);
    }
    expect([program(), program("g"), service].map(nobodysScopeOf)).toEqual(["none", ["g"], "all"]);
  });

  it("is told what an admin has to configure, and not what role it lacks", () => {
    const conversation = { agentId: "ana", groupId: "g", state: "active" as const };
    const told = (asker: Asker) => [
      refuseOnConversation(asker, "send", conversation)?.message,
      refuseUnpermitted(asker, "list-queue", { agentIds: [], groupIds: ["g"] })?.message,
    ];
    const nowhere = "The program bot may act in no group: an admin names its groups with `configure`.";
    expect(told(program())).toEqual([nowhere, nowhere]);
    const elsewhere =
      "The program bot may not do this: it acts only in its groups, which an admin names with `configure`.";
    expect(told(program("h"))).toEqual([elsewhere, elsewhere]);
    expect(told(program("g"))).toEqual([undefined, undefined]);
  });
});
