import type { AwaitedAnswer } from "./answering.ts";
import { isNewer, type Contact } from "./contact.ts";
import { firstCheckOf } from "./session.ts";

export type JoiningContact = Contact & { createdAt: Date; blockedAt: Date | null };

/** A conversation of one of two contacts that become one. */
export interface JoiningConversation extends AwaitedAnswer {
  id: string;
  channelId: string;
  state: "queued" | "active" | "expired" | "closed" | "failed";
  openedAt: Date;
  sessionEndsAt: Date | null;
  sessionClosedAt: Date | null;
}

export interface JoinPlan {
  /** The contact that remains, as it is from now on. */
  contact: Contact;
  /** The one whose conversations, messages and identities it takes over. */
  joinedId: string;
  /** Conversations that go on in another one, because one stays open on a channel. */
  ended: { id: string; intoId: string }[];
  /** Those other ones, with what they take over. */
  kept: (AwaitedAnswer & Pick<JoiningConversation, "id" | "sessionEndsAt" | "sessionClosedAt"> & { checkAt: Date })[];
  /** Null unless one of them is blocked. */
  block: JoinedBlock | null;
}

export interface JoinedBlock {
  /** Since when the earlier of the two was. */
  at: Date;
  /** Whether the contact that remains was not. */
  isNew: boolean;
  /** The conversations that would stay open: they end as spam. */
  spamIds: string[];
}

/**
 * Plans how two contacts become one. The older contact remains and knows the newer of each two facts. Where both have an
 * open conversation on a channel, one stays open, an active one before one that waits, then the older one, with the longer
 * session and the longer waiting; the other one expires into it.
 *
 * The contact is blocked if either was: whoever was blocked does not come through again by another of its names, and
 * who blocked did not know that it was somebody else as well.
 */
export function planJoin(
  contacts: readonly [JoiningContact, JoiningContact],
  conversations: readonly JoiningConversation[],
): JoinPlan {
  const [remaining, joined] = contacts.toSorted((one, other) => compare(one, other, "createdAt")) as [
    JoiningContact,
    JoiningContact,
  ];
  const plan: JoinPlan = {
    contact: joinFacts(remaining, joined),
    joinedId: joined.id,
    ended: [],
    kept: [],
    block: null,
  };
  const open = conversations.filter(({ state }) => state === "queued" || state === "active");
  const ofChannels = Map.groupBy(open, ({ channelId }) => channelId);
  for (const found of ofChannels.values()) {
    const [kept, ...others] = found.toSorted(
      (one, other) =>
        Number(other.state === "active") - Number(one.state === "active") || compare(one, other, "openedAt"),
    );
    if (kept === undefined || others.length === 0) continue;
    plan.ended.push(...others.map(({ id }) => ({ id, intoId: kept.id })));
    const taken = { ...joinSessions(found), ...joinWaiting(found) };
    plan.kept.push({ id: kept.id, ...taken, checkAt: firstCheckOf({ ...kept, ...taken }) });
  }
  const endedIds = new Set(plan.ended.map(({ id }) => id));
  const at = earliest(remaining.blockedAt, joined.blockedAt);
  const spamIds = open.map(({ id }) => id).filter((id) => !endedIds.has(id));
  return at === null ? plan : { ...plan, block: { at, isNew: remaining.blockedAt === null, spamIds } };
}

const earliest = (one: Date | null, other: Date | null): Date | null =>
  one === null || (other !== null && other < one) ? other : one;

function compare<K extends string>(
  one: { id: string } & Record<K, Date>,
  other: { id: string } & Record<K, Date>,
  at: K,
): number {
  return one[at].getTime() - other[at].getTime() || (one.id < other.id ? -1 : 1);
}

function joinFacts(remaining: JoiningContact, joined: JoiningContact): Contact {
  const { createdAt: _, blockedAt: __, ...known } = remaining;
  const userId = newer(remaining, joined, "userId", "userIdAt");
  const phone = newer(remaining, joined, "phone", "phoneAt");
  const named = newer(remaining, joined, "name", "namedAt");
  return {
    ...known,
    userId: userId.userId,
    userIdAt: userId.userIdAt,
    phone: phone.phone,
    phoneKey: phone.phoneKey,
    phoneAt: phone.phoneAt,
    name: named.name,
    username: named.username ?? remaining.username ?? joined.username,
    namedAt: named.namedAt,
  };
}

/** Returns the contact that knows the newer fact: one that has it before one that has none. */
function newer(
  remaining: JoiningContact,
  joined: JoiningContact,
  fact: "userId" | "phone" | "name",
  at: "userIdAt" | "phoneAt" | "namedAt",
): JoiningContact {
  if (joined[fact] === null) return remaining;
  if (remaining[fact] === null) return joined;
  return joined[at] !== null && isNewer(joined[at], remaining[at]) ? joined : remaining;
}

function joinSessions(conversations: readonly JoiningConversation[]) {
  return {
    sessionEndsAt: latest(conversations.map(({ sessionEndsAt }) => sessionEndsAt)),
    sessionClosedAt: latest(conversations.map(({ sessionClosedAt }) => sessionClosedAt)),
  };
}

const latest = (instants: readonly (Date | null)[]): Date | null =>
  instants.reduce((last, instant) => (instant !== null && isNewer(instant, last) ? instant : last), null);

function joinWaiting(conversations: readonly JoiningConversation[]): AwaitedAnswer {
  const waiting = conversations.filter(({ waitingSince }) => waitingSince !== null);
  const [longest] = waiting.toSorted((one, other) => Number(one.waitingSince) - Number(other.waitingSince));
  const { waitingSince = null, waitingNotedAt = null } = longest ?? {};
  return { waitingSince, waitingNotedAt };
}
