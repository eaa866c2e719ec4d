import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isOffered } from "../src/index.ts";
import { createRuleWorld, type RuleWorld, type WorldConversation } from "./world-state.ts";
import { FACES } from "./world-people.ts";
import { openOnes } from "./world-sessions.ts";
import { happen, type Happening } from "./world.ts";

const RUNS = Number(process.env["INTERLEAVINGS"] ?? 100_000);
const SEED = Number(process.env["SEED"] ?? 20_261_123);

const index = fc.nat({ max: 7 });
// Mostly little time passes, now and then most of a day, so that ends are met from both sides.
const after = fc.oneof(fc.nat({ max: 30 }), fc.constantFrom(12 * 60, 23 * 60, 24 * 60 - 1, 24 * 60, 24 * 60 + 1));
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    kind: fc.constant("write" as const),
    after,
    customer: fc.nat({ max: 2 }),
    face: fc.constantFrom(...FACES),
    type: fc.constantFrom("text", "text", "text", "edit", "revoke"),
    lateMinutes: fc.constantFrom(0, 0, 0, 5, 600, 1_500),
    repeats: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("notice" as const),
    after,
    customer: fc.nat({ max: 2 }),
    lateMinutes: fc.constantFrom(0, 0, 5, 600),
  }),
  fc.record({
    kind: fc.constant("send" as const),
    after,
    conversation: index,
    type: fc.constantFrom("text" as const, "template" as const),
  }),
  fc.record({ kind: fc.constant("refuse-template" as const), after, send: index }),
  fc.record({ kind: fc.constant("refuse-session" as const), after, conversation: index }),
  fc.record({ kind: fc.constant("expire" as const), after }),
  fc.record({ kind: fc.constant("close" as const), after, conversation: index }),
  fc.record({ kind: fc.constant("spam" as const), after, conversation: index }),
  fc.record({ kind: fc.constant("flip-block" as const), after, contact: index }),
  fc.record({ kind: fc.constant("lapse" as const), after, conversation: index }),
  fc.record({ kind: fc.constant("answer-offer" as const), after, conversation: index, accepts: fc.boolean() }),
  fc.record({ kind: fc.constant("flip" as const), after, agent: index }),
  fc.record({ kind: fc.constant("deactivate" as const), after, agent: index }),
);

/** In half of the worlds conversations are offered first, for twenty minutes. */
const OFFERS = fc.constantFrom(0, 20 * 60);

describe(`the rules together (${RUNS} interleavings, seed ${SEED})`, () => {
  it("keep every invariant after every step, whatever happens in whatever order", () => {
    fc.assert(
      fc.property(fc.array(happening, { minLength: 1, maxLength: 30 }), OFFERS, (happenings, offerSeconds) => {
        const world = createRuleWorld(3, offerSeconds);
        for (const next of happenings) {
          const before = snapshot(world);
          happen(world, next);
          const fault = findFault(world) ?? findWrongStep(before, world);
          if (fault !== null) throw new Error(fault);
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
    expect.assertions(0);
  }, 600_000);
});

const snapshot = (world: RuleWorld) => new Map([...world.conversations.values()].map(({ id, state }) => [id, state]));

const NEXT: Record<string, readonly string[]> = {
  queued: ["queued", "active", "expired", "closed"],
  active: ["active", "queued", "closed", "expired", "failed"],
  expired: ["expired", "closed"],
  closed: ["closed"],
  failed: ["failed"],
};

function findWrongStep(before: Map<string, string>, world: RuleWorld): string | null {
  for (const [id, state] of before) {
    const now = world.conversations.get(id)?.state ?? "gone";
    if (!(NEXT[state] ?? []).includes(now)) return `conversation ${id} went from ${state} to ${now}`;
  }
  return null;
}

/** The invariants of the design that the rules alone can break. Null where all hold. */
function findFault(world: RuleWorld): string | null {
  const all = [...world.conversations.values()];
  const open = openOnes(world);
  if (new Set(open.map(({ contactId }) => contactId)).size !== open.length)
    return "two open conversations of one contact";
  if (open.some(({ contactId }) => world.blocked.has(contactId))) return "a blocked contact has an open conversation";
  if (
    all.some(
      ({ state, agentId }) => (state === "active") !== (agentId !== null) && (state === "active" || state === "queued"),
    )
  ) {
    return "an active conversation without an agent, or a queued one with one";
  }
  for (const member of world.members) {
    const active = all.filter(({ state, agentId }) => state === "active" && agentId === member.agentId).length;
    if (member.activeCount !== active) return `${member.agentId} counts ${member.activeCount}, has ${active}`;
  }
  if (all.some(({ state, agentId }) => state === "active" && world.deactivated.has(agentId ?? ""))) {
    return "a deactivated agent has an active conversation";
  }
  const free = world.members.filter(
    ({ availability, capacity, activeCount }) => availability === "available" && activeCount < (capacity ?? 0),
  );
  // Who let it lapse is no agent for it until there has been nobody else for a while.
  const waits = ({ lapsedAgentIds }: WorldConversation) =>
    free.some(({ agentId }) => !lapsedAgentIds.includes(agentId));
  if (open.some((one) => one.state === "queued" && waits(one))) return "a conversation waits beside a free agent";
  const late = world.sends.find(
    (one) => one.type === "text" && (one.sessionEndsAt === null || one.at >= one.sessionEndsAt),
  );
  if (late !== undefined) return "free form went out without an open session";
  const continued = all.filter(({ continues, state }) => continues !== null && state !== "failed");
  if (new Set(continued.map(({ continues }) => continues)).size !== continued.length)
    return "two templates opened two conversations";
  if (world.sends.some(({ wasOffered }) => wasOffered)) return "something was sent on what was only offered";
  if (all.some((one) => isOffered(one) && (one.offeredUntil ?? 0) <= world.now))
    return "an offer goes on after its end";
  const joined = all.find(
    ({ joinedIntoId, state }) => joinedIntoId !== null && state !== "expired" && state !== "closed",
  );
  if (joined !== undefined) return "a conversation that was joined into another one is open";
  if (world.sends.some((one) => isAfterJoining(world, one)))
    return "something was sent in a conversation that was joined";
  if ([...world.identities.values()].some((id) => !world.contacts.has(id)))
    return "an identity leads to a joined contact";
  const addresses = [...world.contacts.values()].flatMap(({ userId, phoneKey }) =>
    [userId ?? [], phoneKey ?? []].flat(),
  );
  if (new Set(addresses).size !== addresses.length) return "two contacts have one address";
  if (world.keys.size !== world.messages.length) return "a message took effect twice or never";
  return null;
}

function isAfterJoining(world: RuleWorld, { conversationId, at }: RuleWorld["sends"][number]): boolean {
  const joinedAt = world.conversations.get(conversationId)?.joinedAt ?? null;
  return joinedAt !== null && at > joinedAt;
}
