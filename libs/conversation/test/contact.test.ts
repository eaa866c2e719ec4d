import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  planJoin,
  receive,
  type Contact,
  type Identities,
  type Inbound,
  type InboundEffects,
  type KnownState,
  type OpenConversation,
} from "../src/index.ts";

const channel = { id: "channel", phoneNumberId: "123", accountId: "100", groupId: "group" };
const T0 = Date.UTC(2026, 10, 23, 10);
const at = (seconds: number) => new Date(T0 + seconds * 1000);
const now = at(10_000);

const named = (userId: string | null, phone: string | null = null): Identities => ({
  userId,
  parentUserId: null,
  phone,
  phoneKey: phone,
});

let keys = 0;
const common = (seconds: number, identities: Identities) => ({
  key: `msg:${++keys}`,
  field: "messages",
  line: "{}",
  receivedAt: now,
  accountId: channel.accountId,
  phoneNumberId: channel.phoneNumberId,
  sentAt: at(seconds),
  content: "{}",
  text: "hola",
  identities,
});
const writes = (
  seconds: number,
  identities: Identities,
  more: { name?: string; sharedPhone?: string } = {},
): Inbound => ({
  ...common(seconds, identities),
  kind: "interaction",
  type: "text",
  opensConversation: true,
  renewsSession: true,
  profile: { name: more.name ?? null, username: null },
  ...(more.sharedPhone === undefined ? {} : { sharedPhone: { phone: more.sharedPhone, phoneKey: more.sharedPhone } }),
});
const changes = (seconds: number, previous: Identities, identities: Identities): Inbound => ({
  ...common(seconds, identities),
  kind: "identity-change",
  type: "system",
  change: "user_changed_number",
  previous,
});
const echoes = (seconds: number, identities: Identities): Inbound => ({
  ...common(seconds, identities),
  kind: "echo",
  type: "text",
});

/** A database in memory, which joins contacts as `planJoin` says. */
function createBook() {
  let last = 0;
  const createId = () => `id${String(++last).padStart(4, "0")}`;
  const state: KnownState = {
    channels: new Map([[channel.phoneNumberId, channel]]),
    contacts: new Map(),
    identities: new Map(),
    retired: new Set(),
    blocked: new Set(),
    openConversations: [],
    sessions: new Map(),
    closings: new Map(),
  };
  const conversations = new Map<string, OpenConversation & { state: "queued" | "expired" }>();
  const conflicts: InboundEffects["conflicts"] = [];
  const joined: string[] = [];

  function join(contactIds: readonly [string, string]): void {
    const joining = (id: string) => ({ ...found(id), createdAt: createdAt(id), blockedAt: null });
    const own = [...conversations.values()].filter(({ contactId }) => contactIds.includes(contactId));
    const plan = planJoin([joining(contactIds[0]), joining(contactIds[1])], own);
    state.contacts.set(plan.contact.id, plan.contact);
    state.contacts.delete(plan.joinedId);
    joined.push(plan.joinedId);
    for (const [key, id] of state.identities) if (id === plan.joinedId) state.identities.set(key, plan.contact.id);
    for (const conversation of own) conversation.contactId = plan.contact.id;
    for (const { id } of plan.ended) Object.assign(conversations.get(id) ?? {}, { state: "expired" });
    for (const kept of plan.kept) Object.assign(conversations.get(kept.id) ?? {}, kept);
  }

  const found = (id: string): Contact => {
    const contact = state.contacts.get(id);
    if (contact === undefined) throw new Error(`no contact ${id}`);
    return contact;
  };
  // Ids count up, so they tell who was there first.
  const createdAt = (id: string) => new Date(Number(id.slice(2)));

  /** Applies a batch on a copy, as a transaction does. */
  function apply(batch: readonly Inbound[]): void {
    for (;;) {
      const copy = structuredClone({ ...state, openConversations: [...conversations.values()].filter(isOpen) });
      const effects = receive(batch, copy, { createId, now });
      if (!("contactIds" in effects)) return keep(copy, effects);
      if (effects.before.length === 0) join(effects.contactIds);
      else apply(effects.before);
      batch = effects.before.length === 0 ? batch : batch.slice(effects.before.length);
    }
  }

  function keep(copy: KnownState, effects: InboundEffects): void {
    const { contacts, identities, retired } = copy;
    Object.assign(state, { contacts, identities, retired });
    conflicts.push(...effects.conflicts);
    for (const opened of effects.newConversations) conversations.set(opened.id, { ...opened, state: "queued" });
    for (const touched of effects.touchedConversations) Object.assign(conversations.get(touched.id) ?? {}, touched);
  }

  const isOpen = ({ state: held }: { state: string }) => held === "queued";
  return { state, apply, conversations, conflicts, joined, open: () => [...conversations.values()].filter(isOpen) };
}

function after(updates: readonly Inbound[], size = 1) {
  const book = createBook();
  for (let index = 0; index < updates.length; index += size) book.apply(updates.slice(index, index + size));
  return { ...book, contacts: [...book.state.contacts.values()] };
}

/** Runs a case update by update, and as one batch. */
const eitherWay = (updates: readonly Inbound[], check: (book: ReturnType<typeof after>) => void) => {
  check(after(updates));
  check(after(updates, updates.length));
};

describe("a late webhook", () => {
  const changed = [
    writes(-120, named("US.old", "15550001"), { name: "Ana" }),
    changes(-60, named("US.old"), named("US.new", "15550002")),
  ];

  it("leads to its contact, and takes neither the old address nor the old phone nor an old name back", () => {
    const newer = writes(-30, named("US.new"), { name: "Ana" });
    const late = writes(-90, named("US.old", "15550001"), { name: "An" });
    eitherWay([...changed, newer, late], ({ contacts, open }) => {
      expect(contacts).toMatchObject([{ userId: "US.new", phone: "15550002", name: "Ana" }]);
      expect(open()).toHaveLength(1);
    });
  });

  it("never makes a retired id the address again, also where Meta's time of it is after the notice", () => {
    eitherWay([...changed, writes(-30, named("US.old"))], ({ contacts, open }) => {
      expect(contacts).toMatchObject([{ userId: "US.new" }]);
      expect(open()).toHaveLength(1);
    });
  });

  it("does not change back what a later notice changed back, and a notice that comes late changes nothing", () => {
    const back = changes(-30, named("US.new"), named("US.old", "15550001"));
    eitherWay([...changed, back], ({ contacts }) => {
      expect(contacts).toMatchObject([{ userId: "US.old", phone: "15550001" }]);
    });
    const [first, notice] = changed as [Inbound, Inbound];
    eitherWay([first, back, notice, writes(-20, named("US.old"))], ({ contacts, open }) => {
      expect(contacts).toMatchObject([{ userId: "US.old", phone: "15550001" }]);
      expect(open()).toHaveLength(1);
    });
  });
});

describe("two contacts become one", () => {
  it("where the customer writes from the new number before the notice comes, with one open conversation", () => {
    const updates = [
      writes(-120, named("US.old", "15550001")),
      writes(-90, named("US.new", "15550002")),
      changes(-100, named("US.old"), named("US.new", "15550002")),
      writes(-30, named("US.new", "15550002")),
    ];
    eitherWay(updates, ({ contacts, open, joined, conversations }) => {
      expect(contacts).toMatchObject([{ userId: "US.new", phone: "15550002" }]);
      expect(joined).toHaveLength(1);
      expect(open()).toHaveLength(1);
      expect([...conversations.values()].map(({ contactId }) => contactId)).toEqual([contacts[0]?.id, contacts[0]?.id]);
    });
  });

  it("where phone only and id only come before an update with both, in whichever order", () => {
    const [phone, id] = [writes(-120, named(null, "15550001")), writes(-90, named("US.a"))];
    for (const updates of [
      [phone, id],
      [id, phone],
    ]) {
      eitherWay([...updates, writes(-60, named("US.a", "15550001"))], ({ contacts, open }) => {
        expect(contacts).toMatchObject([{ userId: "US.a", phone: "15550001" }]);
        expect(open()).toHaveLength(1);
      });
    }
  });
});

describe("a recycled number", () => {
  it("belongs to the contact that had it last, and what is said to it later joins that one's conversation", () => {
    const updates = [
      writes(-9000, named("US.a", "15550001")),
      writes(-90, named("US.b", "15550001")),
      echoes(-60, named(null, "15550001")),
    ];
    eitherWay(updates, ({ contacts, state, conflicts }) => {
      expect(contacts).toMatchObject([
        { userId: "US.a", phone: null, phoneKey: null },
        { userId: "US.b", phone: "15550001" },
      ]);
      expect(state.identities.get("phone:15550001")).toBe(contacts[1]?.id);
      expect(conflicts).toEqual([]);
    });
  });

  it("stays with who has it where the other one's message comes late", () => {
    eitherWay([writes(-90, named("US.b", "15550001")), writes(-9000, named("US.a", "15550001"))], ({ contacts }) => {
      expect(contacts).toMatchObject([
        { userId: "US.b", phone: "15550001" },
        { userId: "US.a", phone: null },
      ]);
    });
  });
});

describe("a phone that the customer shares", () => {
  it("is learned where none is known, and is noted and not applied where it is another contact's", () => {
    eitherWay([writes(-90, named("US.a"), { sharedPhone: "15550001" })], ({ contacts, state }) => {
      expect(contacts).toMatchObject([{ userId: "US.a", phone: "15550001" }]);
      expect(state.identities.get("phone:15550001")).toBe(contacts[0]?.id);
    });
    const taken = [writes(-120, named("US.b", "15550001")), writes(-90, named("US.a"), { sharedPhone: "15550001" })];
    eitherWay(taken, ({ contacts, conflicts }) => {
      expect(contacts).toMatchObject([
        { userId: "US.b", phone: "15550001" },
        { userId: "US.a", phone: null },
      ]);
      expect(conflicts).toHaveLength(1);
    });
  });
});

/** What happens to one person: each step has a newer user id, a newer phone, or both, and a notice of it. */
interface Person {
  steps: { userId: string; phone: string; since: number }[];
  updates: Inbound[];
}

function livePerson(person: number, lives: readonly { shows: "both" | "id"; changes: "id" | "both" }[]): Person {
  const steps = [{ userId: `US.${person}.0`, phone: `1555${person}000`, since: person }];
  const updates: Inbound[] = [];
  for (const [index, life] of lives.entries()) {
    const { userId, phone, since } = steps.at(-1) as Person["steps"][number];
    updates.push(writes(since + 1, named(userId, life.shows === "both" ? phone : null), { name: `name${index}` }));
    const next = {
      userId: `US.${person}.${index + 1}`,
      phone: life.changes === "both" ? `1555${person}00${index + 1}` : phone,
      since: since + 100,
    };
    updates.push(changes(next.since, named(userId), named(next.userId, next.phone)));
    updates.push(writes(next.since + 1, named(next.userId, next.phone), { name: `name${index}+` }));
    steps.push(next);
  }
  return { steps, updates };
}

describe("whatever order updates come in, and however they are cut into batches", () => {
  it("a person is one contact with one open conversation, the newest address and the newest name", () => {
    const life = fc.record({
      shows: fc.constantFrom("both" as const, "id" as const),
      changes: fc.constantFrom("both" as const, "id" as const),
    });
    const lives = fc.array(fc.array(life, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(lives, fc.integer({ min: 1, max: 12 }), fc.infiniteStream(fc.nat()), (given, size, random) => {
        const people = given.map((found, index) => livePerson(index, found));
        const all = people.flatMap(({ updates }) => updates);
        const order = all.map((update) => ({ update, place: random.next().value as number }));
        const shuffled = order.toSorted((one, other) => one.place - other.place).map(({ update }) => update);
        const { contacts, open, state } = after(shuffled, size);
        expect(contacts).toHaveLength(people.length);
        expect(open()).toHaveLength(people.length);
        for (const { steps } of people) {
          const last = steps.at(-1) as Person["steps"][number];
          const contactIds = new Set(steps.map(({ userId }) => state.identities.get(`user:${userId}`)));
          const contact = state.contacts.get([...contactIds][0] ?? "");
          expect([contactIds.size, contact?.userId, contact?.phone]).toEqual([1, last.userId, last.phone]);
          expect(contact?.name).toBe(`name${steps.length - 2}+`);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
