import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  actionsFor,
  concerns,
  CONVERSATION_PERMISSIONS,
  isOwnPermitted,
  isPermitted,
  OF_NO_GROUP,
  PERMISSIONS,
  refuseOnConversation,
  refuseSendBy,
  refuseUnpermitted,
  RELATIONS_OF,
  ROLE_NAMES,
  ROLES,
  SCOPE_NAMES,
  scopeOf,
  type Act,
  type Asker,
  type ConversationAct,
  type ConversationState,
  type Role,
  type RoleRow,
  type Subject,
} from "../src/index.ts";

type Person = Extract<Asker, { kind: "agent" }>;
const person = (role: Role, agentId: string, ...groupIds: string[]): Person => ({
  kind: "agent",
  agentId,
  role,
  groupIds,
});
const service: Asker = { kind: "service", name: "developer", groupIds: "all" };

describe("a role", () => {
  it("is a row of the table: what has none is refused by the compiler", () => {
    // @ts-expect-error: no role is called so
    const asker: Asker = { kind: "agent", agentId: "a", role: "stranger", groupIds: [] };
    // @ts-expect-error: no standing is called so
    const row: RoleRow = { standing: "stranger", reach: "everywhere" };
    // @ts-expect-error: every role needs a value
    const words: Record<Role, string> = { agent: "", operator: "" };
    // @ts-expect-error: every standing says which relations its people can have
    const relations: typeof RELATIONS_OF = { member: [], operator: [] };
    // @ts-expect-error: every act has a row
    const rows: Record<ConversationAct, string> = { read: "" };
    expect([asker, row, words, relations, rows]).toHaveLength(5);
    expect(ROLE_NAMES).toEqual(Object.keys(ROLES));
  });
});

const CONVERSATION_STATES: ConversationState[] = ["queued", "active", "expired", "closed", "failed"];
const STRANGE = "stranger";
const CONVERSATION_ACTS = Object.keys(CONVERSATION_PERMISSIONS) as ConversationAct[];
const ACTS = Object.keys(PERMISSIONS) as Act[];
const ids = fc.constantFrom("a", "b", "c");
const strangers = fc.record({
  kind: fc.constant("agent" as const),
  agentId: ids,
  role: fc.constant(STRANGE as Role),
  groupIds: fc.uniqueArray(ids),
});
const subjects = fc.record({ agentIds: fc.uniqueArray(ids), groupIds: fc.option(fc.uniqueArray(ids), { nil: null }) });
const conversations = fc.record({
  agentId: fc.option(ids, { nil: null }),
  groupId: ids,
  state: fc.constantFrom(...CONVERSATION_STATES),
  continuedById: fc.constantFrom(null, "new"),
  offeredUntil: fc.constantFrom(null, new Date()),
});

/** Adds a role, and a standing with these relations. */
function addRole(reach: RoleRow["reach"], relations: readonly string[] | null): void {
  Object.assign(ROLES, { [STRANGE]: { standing: STRANGE, reach } });
  if (relations !== null) Object.assign(RELATIONS_OF, { [STRANGE]: relations });
}

describe("a role whose standing no permission names", () => {
  afterEach(() => {
    for (const table of [ROLES, RELATIONS_OF]) Reflect.deleteProperty(table, STRANGE);
  });

  it.each<[string, () => void]>([
    ["that this release does not know", () => undefined],
    ["that may be everywhere", () => addRole("everywhere", [STRANGE])],
    ["of its own groups", () => addRole("own-groups", [STRANGE])],
    ["without relations", () => addRole("everywhere", null)],
  ])("%s may do nothing, with nothing, and sees and hears of nothing", (_which, add) => {
    add();
    fc.assert(
      fc.property(strangers, subjects, conversations, (asker, subject, conversation) => {
        for (const act of ACTS) expect(refuseUnpermitted(asker, act, subject)?.code, act).toBe("not-permitted");
        for (const act of CONVERSATION_ACTS) {
          expect(refuseOnConversation(asker, act, conversation)?.code, act).toBe("not-permitted");
        }
        expect(refuseSendBy(asker, asker.agentId, "free-form", conversation)).not.toBeNull();
        expect(actionsFor(asker, { ...conversation, isSessionOpen: true })).toEqual([]);
        for (const name of SCOPE_NAMES) {
          expect([scopeOf(asker, name), isOwnPermitted(asker, name)], name).toEqual(["none", false]);
        }
        for (const isQueueChange of [false, true]) {
          const event = { ...subject, groupIds: subject.groupIds ?? [], isQueueChange };
          expect(concerns(event, asker)).toBe(false);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("may do exactly what names it, once a permission does", () => {
    addRole("everywhere", [STRANGE]);
    const { by } = PERMISSIONS["list-circuits"];
    const permitted = () =>
      ACTS.filter((act) => isPermitted(person(STRANGE as Role, "a"), act, { agentIds: ["a"], groupIds: ["g"] }));
    Object.assign(PERMISSIONS["list-circuits"], { by: [...by, STRANGE] });
    expect(permitted()).toEqual(["list-circuits"]);
    Object.assign(PERMISSIONS["list-circuits"], { by });
    expect(permitted()).toEqual([]);
  });
});

describe("with a conversation", () => {
  const conversation = { agentId: "ana", groupId: "g", state: "active" as ConversationState };
  const mayOn =
    (act: ConversationAct) =>
    (asker: Asker, more: object = {}) =>
      refuseOnConversation(asker, act, { ...conversation, ...more }) === null;

  it.each(["ticket-link", "close", "finalise", "template", "send"] as const)(
    "%s is for who has it, operators of its group, admins, services",
    (act) => {
      const may = mayOn(act);
      expect(may(person("agent", "ana", "g"))).toBe(true);
      expect(may(person("agent", "ana"))).toBe(true);
      expect(may(person("operator", "otto", "g"))).toBe(true);
      expect(may(person("admin", "ada"))).toBe(true);
      expect(may(service)).toBe(true);
      expect(may(person("agent", "bob", "g"))).toBe(false);
      expect(may(person("operator", "otto", "h"))).toBe(false);
      expect(may(person("agent", "bob", "g"), { agentId: null, state: "queued" })).toBe(false);
      expect(may(person("agent", "bob", "g"), { agentId: null, state: "expired" })).toBe(true);
      expect(may(person("agent", "bob", "h"), { agentId: null, state: "expired" })).toBe(false);
      expect(may(person("agent", "bob", "g"), { agentId: "ana", state: "expired" })).toBe(false);
      expect(may(person("agent", "bob", "g"), { agentId: null, state: "closed" })).toBe(false);
    },
  );

  it.each(["read", "transfer"] as const)("%s is for those, and for its group while nobody has it", (act) => {
    const may = mayOn(act);
    for (const state of CONVERSATION_STATES) {
      expect(may(person("agent", "bob", "g"), { agentId: null, state })).toBe(true);
      expect(may(person("agent", "bob", "g"), { state })).toBe(false);
      expect(may(person("agent", "ana"), { state })).toBe(true);
      expect(may(person("agent", "bob", "h"), { agentId: null, state })).toBe(false);
      expect(may(person("operator", "otto", "g"), { state })).toBe(true);
    }
  });

  it("a claim is for members of its group, whatever their role, and forcing a transfer for who leads it", () => {
    const waiting = { agentId: null, state: "queued" };
    const cells = (act: ConversationAct) =>
      [
        person("agent", "bob", "g"),
        person("operator", "otto", "g"),
        person("admin", "ada", "g"),
        person("admin", "ada"),
        person("operator", "otto", "h"),
      ].map((asker) => mayOn(act)(asker, waiting));
    expect(cells("claim")).toEqual([true, true, true, false, false]);
    expect(cells("force-transfer")).toEqual([false, true, true, true, false]);
  });

  it("says what to do while it waits, and whose it is otherwise", () => {
    const bob = person("agent", "bob", "g");
    const told = (act: ConversationAct, more: object) =>
      refuseOnConversation(bob, act, { ...conversation, ...more })?.message;
    const waiting = { agentId: null, state: "queued" };
    expect(told("ticket-link", waiting)).toBe("This conversation waits in the queue: claim it first.");
    expect(told("send", waiting)).toBe("This conversation waits in the queue: claim it before you answer.");
    expect(told("close", {})).toBe("This conversation is another agent's. An operator of its group may work on it.");
    expect(told("template", {})).toBe(
      "This conversation is another agent's. An operator of its group may answer in it.",
    );
    expect(told("read", {})).toBe("This conversation is another agent's. An operator of its group may read it.");
    expect(told("force-transfer", {})).toBe("Only an operator of the group or an admin may force a transfer.");
  });

  it("sending in another's name is for its operators, admins and services, also for who has it", () => {
    const may = (asker: Asker, agentId: string) => refuseSendBy(asker, agentId, "free-form", conversation) === null;
    expect([may(person("agent", "ana", "g"), "ana"), may(person("agent", "ana", "g"), "bob")]).toEqual([true, false]);
    expect(may(person("agent", "bob", "g"), "ana")).toBe(false);
    expect(may(person("operator", "otto", "g"), "ana")).toBe(true);
    expect(may(person("operator", "otto", "h"), "ana")).toBe(false);
    expect([may(person("admin", "ada"), "ana"), may(service, "ana")]).toEqual([true, true]);
  });

  it("offers a reader what it may do now, and nothing else", () => {
    const offered = (asker: Asker, state: ConversationState, isSessionOpen = true) =>
      actionsFor(asker, { state, groupId: "g", agentId: state === "queued" ? null : "ana", isSessionOpen });
    const [member, operator, admin] = [
      person("agent", "ana", "g"),
      person("operator", "otto", "g"),
      person("admin", "ada"),
    ];
    expect(offered(member, "queued")).toEqual(["claim", "transfer"]);
    const leading = ["send", "ticket-link", "transfer", "force-transfer", "template"];
    expect(offered(operator, "queued")).toEqual(["claim", ...leading]);
    expect(offered(operator, "queued", false)).toEqual(["claim", ...leading.slice(1)]);
    expect(offered(admin, "queued")).toEqual(leading);
    expect(offered(member, "active")).toEqual(["send", "ticket-link", "close", "transfer", "template"]);
    expect(offered(member, "active", false)).toEqual(["ticket-link", "close", "transfer", "template"]);
    for (const asker of [member, operator, admin]) {
      expect(offered(asker, "expired", false)).toEqual(["ticket-link", "template", "finalise"]);
      expect([...offered(asker, "closed"), ...offered(asker, "failed")]).toEqual([]);
    }
    expect(offered(person("agent", "bob", "g"), "active")).toEqual([]);
  });
});

describe("without a conversation", () => {
  const askers = [person("agent", "a", "g"), person("operator", "o", "g"), person("admin", "x"), service];
  const cells = (act: Act, subject: Subject) => askers.map((asker) => isPermitted(asker, act, subject));

  it("everybody acts for itself, an operator for agents of its groups, an admin for all", () => {
    for (const act of ["set-availability", "heartbeat", "claim-for"] as const) {
      expect(cells(act, { agentIds: ["a"], groupIds: ["g"] }), act).toEqual([true, true, true, true]);
      expect(cells(act, { agentIds: ["b"], groupIds: ["g", "h"] }), act).toEqual([false, true, true, true]);
      expect(cells(act, { agentIds: ["b"], groupIds: ["h"] }), act).toEqual([false, false, true, true]);
    }
  });

  it("an operator sees and resets circuits of its groups' channels, an admin all, an agent none", () => {
    const scoped = (groupIds: string[]) => ({ agentIds: [], groupIds });
    expect(cells("list-circuits", OF_NO_GROUP)).toEqual([false, true, true, true]);
    for (const act of ["list-circuits", "reset-circuit"] as const) {
      expect(cells(act, scoped(["other", "g"]))).toEqual([false, true, true, true]);
      expect(cells(act, scoped(["other"]))).toEqual([false, false, true, true]);
      expect(cells(act, scoped([]))).toEqual([false, false, true, true]);
    }
    expect(cells("reset-token", OF_NO_GROUP)).toEqual([false, false, true, true]);
  });

  it("a ticket is edited by whose conversation it is of, by operators of its groups, and by admins", () => {
    expect(cells("edit-ticket", { agentIds: ["a"], groupIds: ["h"] })).toEqual([true, false, true, true]);
    expect(cells("edit-ticket", { agentIds: ["b"], groupIds: ["h", "g"] })).toEqual([false, true, true, true]);
    expect(cells("edit-ticket", { agentIds: [], groupIds: [] })).toEqual([false, false, true, true]);
  });

  it("nobody sets its own capacity; an operator sets its agents', an admin everybody's", () => {
    expect(cells("set-capacity", { agentIds: ["a"], groupIds: ["g"] })).toEqual([false, true, true, true]);
    expect(cells("set-capacity", { agentIds: ["a"], groupIds: ["h"] })).toEqual([false, false, true, true]);
  });

  it("a channel's templates are for its group, for who works on a conversation of it, and for admins", () => {
    expect(cells("list-templates", { agentIds: [], groupIds: ["g"] })).toEqual([true, true, true, true]);
    expect(cells("list-templates", { agentIds: [], groupIds: ["h"] })).toEqual([false, false, true, true]);
    expect(cells("list-templates", { agentIds: ["a"], groupIds: ["h"] })).toEqual([true, false, true, true]);
  });

  it("configuration and dead letters are for admins, a queue for its group, the rest for everybody", () => {
    for (const act of ["configure", "dead-letters"] as const) {
      expect(cells(act, OF_NO_GROUP), act).toEqual([false, false, true, true]);
    }
    expect(cells("list-queue", { agentIds: [], groupIds: ["g"] })).toEqual([true, true, true, true]);
    expect(cells("list-queue", { agentIds: [], groupIds: ["h"] })).toEqual([false, false, true, true]);
    expect(cells("list-receivers", OF_NO_GROUP)).toEqual([true, true, true, true]);
  });

  it("a scope is all for admins and services, own groups for operators, and own queues for agents", () => {
    expect(askers.map((asker) => scopeOf(asker, "list-queue"))).toEqual([["g"], ["g"], "all", "all"]);
    expect(askers.map((asker) => scopeOf(asker, "read"))).toEqual(["none", ["g"], "all", "all"]);
    expect(askers.map((asker) => scopeOf(asker, "set-availability"))).toEqual(["none", ["g"], "all", "all"]);
    expect(askers.map((asker) => scopeOf(asker, "claim"))).toEqual([["g"], ["g"], [], "all"]);
  });
});
