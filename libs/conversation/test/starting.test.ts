import { describe, expect, it } from "vitest";
import {
  createAddressed,
  decideStart,
  mayNameContact,
  mayStartFrom,
  refuseStartBy,
  type Asker,
  type OpenAlready,
} from "../src/index.ts";
import type { Contact, ContactDraft } from "../src/contact.ts";
import { findKnown, provenSame, resolveContact, identityKey } from "../src/contact.ts";

const person = (role: "agent" | "operator" | "admin", agentId: string, ...groupIds: string[]): Asker => ({
  kind: "agent",
  agentId,
  role,
  groupIds,
});
const program = (...groupIds: string[]): Asker => ({ kind: "service", name: "bot", groupIds });
const agent = (agentId: string, ...groupIds: string[]) => ({ agentId, groupIds, capacity: null, activeCount: 0 });

describe("who may write first on a channel of group g", () => {
  it.each([
    { who: "a member, for itself", asker: person("agent", "a", "g"), as: agent("a", "g"), code: null },
    {
      who: "a member, for a colleague",
      asker: person("agent", "a", "g"),
      as: agent("b", "g"),
      code: "not-permitted",
    },
    { who: "an outsider, for itself", asker: person("agent", "a", "h"), as: agent("a", "h"), code: "not-permitted" },
    { who: "an operator, for a member", asker: person("operator", "o", "g"), as: agent("b", "g"), code: null },
    {
      who: "an operator, for an outsider",
      asker: person("operator", "o", "g"),
      as: agent("b", "h"),
      code: "not-a-member",
    },
    {
      who: "another group's operator",
      asker: person("operator", "o", "h"),
      as: agent("b", "g"),
      code: "not-permitted",
    },
    { who: "an admin of no group, for itself", asker: person("admin", "x"), as: agent("x"), code: null },
    { who: "an admin, for an outsider", asker: person("admin", "x"), as: agent("b", "h"), code: "not-a-member" },
    { who: "a program of the group, for a member", asker: program("g"), as: agent("b", "g"), code: null },
    { who: "a program of the group, for an outsider", asker: program("g"), as: agent("b", "h"), code: "not-a-member" },
    { who: "another group's program", asker: program("h"), as: agent("b", "g", "h"), code: "not-permitted" },
  ])("$who: $code", ({ asker, as, code }) => {
    expect(refuseStartBy(asker, as, "g")?.code ?? null).toBe(code);
  });

  it("is offered with what is over, and names only a contact who has to do with a group of one's own", () => {
    const own = person("agent", "a", "g");
    for (const state of ["closed", "failed"] as const)
      expect(mayStartFrom(own, { state, channelGroupId: "g" })).toBe(true);
    for (const state of ["queued", "active", "expired"] as const)
      expect(mayStartFrom(own, { state, channelGroupId: "g" })).toBe(false);
    expect(mayStartFrom(own, { state: "closed", channelGroupId: "h" })).toBe(false);
    expect(mayNameContact(own, { groupIds: ["h", "g"] })).toBe(true);
    expect(mayNameContact(own, { groupIds: ["h"] })).toBe(false);
    expect(mayNameContact(person("admin", "x"), { groupIds: [] })).toBe(true);
    expect(mayNameContact(program("g"), { groupIds: ["h"] })).toBe(false);
  });
});

describe("writing first", () => {
  const since = new Date("2026-11-28T10:00:00Z");
  const open: OpenAlready = { conversationId: "c", state: "active", agentId: "a", agentName: "Ana", since };

  it("is refused where one is open, with who has it and since when", () => {
    expect(decideStart({ open, last: null })).toMatchObject({
      kind: "refuse",
      refusal: {
        code: "conversation-open",
        message: expect.stringContaining("with Ana since 2026-11-28T10:00:00.000Z") as string,
        details: { conversationId: "c", agentId: "a", agentName: "Ana", at: since.toISOString() },
      },
    });
    const waits: OpenAlready = { ...open, state: "queued", agentId: null, agentName: null };
    expect(decideStart({ open: waits, last: null })).toMatchObject({
      refusal: { message: expect.stringContaining("waits in its queue since") as string },
    });
  });

  it("goes on with the last one where that is expired and goes on nowhere yet; else it opens a new one", () => {
    const last = { id: "e", state: "expired", continuedById: null } as const;
    expect(decideStart({ open: null, last })).toEqual({ kind: "continue", conversationId: "e" });
    expect(decideStart({ open: null, last: { ...last, continuedById: "f" } })).toEqual({ kind: "open" });
    expect(decideStart({ open: null, last: { ...last, state: "closed" } })).toEqual({ kind: "open" });
    expect(decideStart({ open: null, last: null })).toEqual({ kind: "open" });
  });
});

describe("a contact who is written to first", () => {
  function draftWith({ contact, identities }: ReturnType<typeof createAddressed>): ContactDraft {
    return {
      contacts: new Map<string, Contact>([[contact.id, contact]]),
      identities: new Map(identities.map(({ kind, value, contactId }) => [identityKey(kind, value), contactId])),
      retired: new Set(),
      newContacts: new Set(),
      changedContactIds: new Set(),
      newIdentities: [],
      movedIdentities: new Map(),
      retirements: new Map(),
      conflicts: [],
    };
  }
  const byPhone = { userId: null, parentUserId: null, phone: "5511987654321", phoneKey: "5511987654321" };
  const byUser = { userId: "BR.1", parentUserId: null, phone: null, phoneKey: null };

  it.each([
    { first: byPhone, shown: { ...byPhone, phone: "551187654321" } },
    { first: byPhone, shown: { ...byPhone, phone: "551187654321", userId: "BR.1" } },
    { first: byUser, shown: { ...byPhone, userId: "BR.1" } },
  ])("is found by its own first message, which says more of it", ({ first, shown }) => {
    const made = createAddressed(first, () => "c");
    const draft = draftWith(made);
    // Long before now by Meta's time: whatever Meta says is newer than what somebody typed.
    const naming = { identities: shown, previous: null, sentAt: new Date(0) };
    expect(provenSame(draft, naming)).toBeNull();
    const found = findKnown(draft, naming) ?? resolveContact(draft, naming, () => "other");
    expect(found).toBe(made.contact);
    expect(found).toMatchObject({ id: "c", phone: shown.phone, userId: shown.userId });
    expect(draft.conflicts).toEqual([]);
  });
});
