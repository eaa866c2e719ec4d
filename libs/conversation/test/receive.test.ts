import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  WAITS_FOR_NOTHING,
  identityKey,
  receive,
  SESSION_MS,
  type Identities,
  type Inbound,
  type InboundEffects,
  type KnownState,
} from "../src/index.ts";

const channel = { id: "channel", phoneNumberId: "123", accountId: "100", groupId: "group" };
const at = new Date("2026-11-23T10:00:00Z");
const later = new Date(at.getTime() + 1);
const nobody: Identities = { userId: null, parentUserId: null, phone: null, phoneKey: null };
const user = (userId: string, phone: string | null = null): Identities => ({
  ...nobody,
  userId,
  phone,
  phoneKey: phone,
});
const phoneOnly = (phone: string): Identities => ({ ...nobody, phone, phoneKey: phone });

function counter(): () => string {
  let last = 0;
  return () => `id${++last}`;
}

function unknown(): KnownState {
  const channels = new Map([[channel.phoneNumberId, channel]]);
  return {
    channels,
    contacts: new Map(),
    identities: new Map(),
    retired: new Set(),
    blocked: new Set(),
    openConversations: [],
    sessions: new Map(),
    closings: new Map(),
  };
}

/** Applies a batch in which nothing proves two contacts to be one. */
function applied(...given: Parameters<typeof receive>): InboundEffects {
  const effects = receive(...given);
  if ("contactIds" in effects) throw new Error("two contacts would be joined first");
  return effects;
}

const origin = { field: "messages", line: "{}", receivedAt: at };
const common = {
  ...origin,
  accountId: channel.accountId,
  phoneNumberId: channel.phoneNumberId,
  sentAt: at,
  content: "{}",
  text: "hola",
};
let keys = 0;
const writes = (identities: Identities, given: Partial<Inbound & { kind: "interaction" }> = {}): Inbound => ({
  ...common,
  key: `msg:${++keys}`,
  kind: "interaction",
  type: "text",
  identities,
  opensConversation: true,
  renewsSession: true,
  profile: { name: null, username: null },
  ...given,
});
const changes = (previous: Identities, identities: Identities): Inbound => ({
  ...common,
  key: `msg:${++keys}`,
  kind: "identity-change",
  type: "system",
  change: "user_changed_number",
  identities,
  previous,
});

const chooses = (identities: Identities, isStopped: boolean, sentAt: Date): Inbound => ({
  ...common,
  key: `user_preferences:${++keys}`,
  kind: "marketing-choice",
  type: "user_preferences",
  identities,
  isStopped,
  sentAt,
});

describe("what a customer says about marketing messages", () => {
  it("is kept of the newest by Meta's time, whatever their order, and is no message of a conversation", () => {
    const said = [
      chooses(user("A"), true, later),
      chooses(user("A"), false, at),
      chooses(user("B"), true, at),
      chooses(user("B"), false, at),
    ];
    const effects = applied(said, unknown(), { createId: counter(), now: at });
    expect(effects.marketingChoices).toMatchObject([
      { isStopped: true, saidAt: later },
      { isStopped: false, saidAt: at },
    ]);
    expect(effects.newContacts).toHaveLength(2);
    expect([effects.newConversations, effects.events]).toEqual([[], []]);
    expect(effects.messages.map(({ conversationId }) => conversationId)).toEqual([null, null, null, null]);
  });
});

describe("receive", () => {
  it("opens one conversation for the messages of one customer, and counts its events without a gap", () => {
    const effects = applied([writes(user("U1")), writes(user("U1")), writes(user("U2"))], unknown(), {
      createId: counter(),
      now: at,
    });
    expect(effects.newConversations).toHaveLength(2);
    expect(effects.newContacts).toHaveLength(2);
    const [first] = effects.newConversations;
    const ofFirst = effects.events.filter((event) => conversationOf(event) === first?.id);
    expect(ofFirst.map(({ type, sequence }) => [type, sequence])).toEqual([
      ["conversation.opened", 1],
      ["message.received", 2],
      ["message.received", 3],
    ]);
  });

  it("continues the open conversation, and remembers the latest instant the customer wrote", () => {
    const known = unknown();
    known.contacts.set("contact", {
      id: "contact",
      userId: "U1",
      userIdAt: null,
      phone: null,
      phoneKey: null,
      phoneAt: null,
      name: null,
      username: null,
      namedAt: null,
      sequence: 0,
    });
    known.identities.set(identityKey("user", "U1"), "contact");
    const open = {
      id: "open",
      channelId: "channel",
      contactId: "contact",
      phoneNumberId: "123",
      groupId: "group",
      sequence: 7,
    };
    const effects = applied(
      [writes(user("U1"), { sentAt: later }), writes(user("U1"))],
      {
        ...known,
        openConversations: [
          { ...open, ...WAITS_FOR_NOTHING, openedAt: at, sessionEndsAt: null, sessionClosedAt: null },
        ],
      },
      { createId: counter(), now: later },
    );
    expect(effects.newConversations).toEqual([]);
    expect(effects.touchedConversations).toMatchObject([
      { id: "open", sequence: 9, sessionEndsAt: new Date(later.getTime() + SESSION_MS) },
    ]);
  });

  it("opens nothing for a reaction or what the business wrote by hand, but keeps it", () => {
    const echo: Inbound = { ...common, key: "echo:1", kind: "echo", type: "text", identities: user("U1") };
    const effects = applied([writes(user("U1"), { opensConversation: false }), echo], unknown(), {
      createId: counter(),
      now: at,
    });
    expect(effects.newConversations).toEqual([]);
    expect(effects.messages.map(({ direction, conversationId }) => [direction, conversationId])).toEqual([
      ["in", null],
      ["out", null],
    ]);
  });

  it("has no effect for what comes in on a number without a channel, and says so", () => {
    const stray = writes(user("U1"), { phoneNumberId: "999" });
    const effects = applied([stray, writes(user("U2"))], unknown(), { createId: counter(), now: at });
    expect(effects.withoutChannel).toEqual([stray]);
    expect(effects.newContacts).toMatchObject([{ userId: "U2" }]);
    expect(effects.messages).toHaveLength(1);
  });

  it("has no effect for what another business account says of a channel's number", () => {
    const forged = writes(user("U1"), { accountId: "999" });
    const unsaid = writes(user("U3"), { accountId: null });
    const effects = applied([forged, unsaid, writes(user("U2"))], unknown(), { createId: counter(), now: at });
    expect(effects.ofAnothers).toEqual([forged, unsaid]);
    expect(effects.newContacts).toMatchObject([{ userId: "U2" }]);
    const known = { ...unknown(), channels: new Map([[channel.phoneNumberId, { ...channel, accountId: null }]]) };
    expect(applied([forged], known, { createId: counter(), now: at }).ofAnothers).toEqual([]);
  });

  it("knows a customer without a phone number, and learns the number when it shows", () => {
    const effects = applied([writes(user("U1")), writes(user("U1", "5511"))], unknown(), {
      createId: counter(),
      now: at,
    });
    expect(effects.newContacts).toMatchObject([{ userId: "U1", phone: "5511" }]);
    expect(effects.newIdentities.map(({ kind, value }) => `${kind}:${value}`)).toEqual(["user:U1", "phone:5511"]);
  });

  it("links a phone-only contact with its user id the first time both show", () => {
    const effects = applied([writes(phoneOnly("5511")), writes(user("U1", "5511")), writes(user("U1"))], unknown(), {
      createId: counter(),
      now: later,
    });
    expect(effects.newContacts).toHaveLength(1);
    expect(effects.newConversations).toHaveLength(1);
  });

  it("does not take a recycled phone number for the person who had it", () => {
    const effects = applied([writes(user("U1", "5511")), writes(user("U2", "5511"))], unknown(), {
      createId: counter(),
      now: at,
    });
    expect(effects.newContacts).toMatchObject([
      { userId: "U1", phone: null },
      { userId: "U2", phone: "5511" },
    ]);
    expect(effects.conflicts).toEqual([]);
  });

  it("keeps contact and open conversation when the number or the user id changes", () => {
    const effects = applied(
      [writes(user("U1", "5511")), changes(user("U1"), user("U2", "5522")), writes(user("U2", "5522"))],
      unknown(),
      { createId: counter(), now: later },
    );
    expect(effects.newContacts).toMatchObject([{ userId: "U2", phone: "5522" }]);
    expect(effects.newConversations).toHaveLength(1);
    expect(effects.retirements).toEqual([{ kind: "user", value: "U1", isRetired: true }]);
    expect(effects.events.map(({ type }) => type)).toContain("contact.renumbered");
  });

  it("asks that two contacts are joined first, and names what comes before the update that proves them to be one", () => {
    const [first, second, both] = [writes(user("U1")), writes(phoneOnly("5511")), writes(user("U1", "5511"))];
    const join = receive([first, second, both, writes(user("U1"))], unknown(), { createId: counter(), now: later });
    expect(join).toMatchObject({ before: [first, second], provenBy: both });
  });

  it("has the same effect however a stream of updates is cut into batches", () => {
    const arbitrary = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.boolean()), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 40 }), (steps, size) => {
        const updates = steps.map(([who, shows]) => writes(user(`U${who}`, shows ? `55${who}` : null)));
        const whole = inBatches(updates, updates.length);
        expect(inBatches(updates, size)).toEqual(whole);
      }),
    );
  });
});

function conversationOf({ data }: InboundEffects["events"][number]): string {
  return "conversationId" in data ? data.conversationId : "none";
}

/** Applies updates in batches, carrying state over as the database does; returns what can be compared. */
function inBatches(updates: Inbound[], size: number) {
  const state = unknown();
  const open: KnownState["openConversations"][number][] = [];
  const seen: string[] = [];
  const createId = counter();
  for (let index = 0; index < updates.length; index += size) {
    const effects = applied(
      updates.slice(index, index + size),
      { ...state, openConversations: open },
      { createId, now: at },
    );
    open.push(...effects.newConversations);
    const names = new Map(
      open.map((conversation) => [conversation.id, state.contacts.get(conversation.contactId)?.userId]),
    );
    seen.push(...effects.events.map((event) => `${names.get(conversationOf(event))} ${event.type} ${event.sequence}`));
  }
  return seen;
}
