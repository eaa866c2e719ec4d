import {
  canFollowUp,
  decideSend,
  distribute,
  dueStep,
  isOffered,
  messageNeed,
  offerOf,
  refuseOffered,
  type Asker,
  type Inbound,
} from "../src/index.ts";
import { answerOffer, deactivate, flip, isDeactivated, lapse, lapseOffers, load } from "./world-agents.ts";
import { endAsSpamIn, flipBlock } from "./world-blocking.ts";
import { worldMessage, worldNotice, take, type Face } from "./world-people.ts";
import { openOnes } from "./world-sessions.ts";
import type { RuleWorld, WorldConversation, WorldSend } from "./world-state.ts";

/** What can happen in the world; `after` is how many minutes pass before it. */
export type Happening = { after: number } & (
  | { kind: "write"; customer: number; face: Face; type: string; lateMinutes: number; repeats: boolean }
  | { kind: "notice"; customer: number; lateMinutes: number }
  | { kind: "send"; conversation: number; type: "text" | "template" }
  | { kind: "refuse-template"; send: number }
  | { kind: "refuse-session"; conversation: number }
  | { kind: "expire" }
  | { kind: "close"; conversation: number }
  | { kind: "spam"; conversation: number }
  | { kind: "flip-block"; contact: number }
  | { kind: "lapse"; conversation: number }
  | { kind: "answer-offer"; conversation: number; accepts: boolean }
  | { kind: "flip"; agent: number }
  | { kind: "deactivate"; agent: number }
);

const MINUTE_MS = 60_000;
const NOT_JOINED = { joinedIntoId: null, joinedAt: null };
const NOBODYS_SENDER = "agent0";

export function happen(world: RuleWorld, happening: Happening): void {
  world.now = new Date(world.now.getTime() + happening.after * MINUTE_MS);
  switch (happening.kind) {
    case "write":
      write(world, happening);
      break;
    case "notice":
      receiveOnce(world, worldNotice(world, happening.customer, before(world, happening.lateMinutes)));
      break;
    case "send":
      send(world, at([...world.conversations.values()], happening.conversation), happening.type);
      break;
    case "refuse-template":
      refuseTemplate(world, at(world.sends, happening.send));
      break;
    case "refuse-session":
      closeSessionOf(world, at([...world.conversations.values()], happening.conversation));
      break;
    case "expire":
      expire(world);
      break;
    case "close":
      close(world, at([...world.conversations.values()], happening.conversation));
      break;
    case "spam":
      endAsSpamIn(world, at([...world.conversations.values()], happening.conversation));
      break;
    case "flip-block":
      flipBlock(world, at([...world.contacts.keys()], happening.contact));
      break;
    case "lapse":
      lapse(world, at([...world.conversations.values()], happening.conversation));
      break;
    case "answer-offer":
      answerOffer(world, at([...world.conversations.values()], happening.conversation), happening.accepts);
      break;
    case "flip":
      flip(world, at(world.members, happening.agent));
      break;
    case "deactivate":
      deactivate(world, at(world.members, happening.agent));
      break;
  }
  lapseOffers(world);
  assign(world);
}

const at = <T>(items: readonly T[], index: number): T | undefined => items[index % Math.max(1, items.length)];

const before = (world: RuleWorld, minutes: number) => new Date(world.now.getTime() - minutes * MINUTE_MS);

function write(world: RuleWorld, happening: Happening & { kind: "write" }): void {
  const { lateMinutes, repeats } = happening;
  const fresh = worldMessage(world, { ...happening, sentAt: before(world, lateMinutes) });
  const inbound = repeats && world.lastWrite !== null ? world.lastWrite : fresh;
  world.lastWrite = inbound;
  receiveOnce(world, inbound);
}

function receiveOnce(world: RuleWorld, inbound: Inbound): void {
  if (world.keys.has(inbound.key)) return;
  world.keys.add(inbound.key);
  const { now } = world;
  const effects = take(world, inbound);
  for (const opened of effects.newConversations) {
    const follower = world.members.find(({ agentId }) => agentId === opened.follows?.agentId);
    const follows = follower !== undefined && canFollowUp(follower, "ignored", now);
    const held = follows
      ? { state: "active" as const, agentId: follower.agentId }
      : { state: "queued" as const, agentId: null };
    const untouched = { queuedAt: now, continues: null, closedAt: null, lapsedAgentIds: [], lapsedAt: null };
    world.conversations.set(opened.id, { ...opened, ...held, ...untouched, ...NOT_JOINED, offeredUntil: null });
    load(world, held.agentId, 1);
  }
  for (const touched of effects.touchedConversations) Object.assign(existing(world, touched.id), touched);
  world.messages.push(...effects.messages);
}

function existing(world: RuleWorld, id: string): WorldConversation {
  const conversation = world.conversations.get(id);
  if (conversation === undefined) throw new Error(`no conversation ${id}`);
  return conversation;
}

function send(world: RuleWorld, conversation: WorldConversation | undefined, type: "text" | "template"): void {
  if (conversation === undefined || conversation.state === "queued") return;
  if (conversation.state !== "active" && world.blocked.has(conversation.contactId)) return;
  const open = openOnes(world).find((one) => one.contactId === conversation.contactId && one.id !== conversation.id);
  const decision = decideSend({
    state: conversation.state,
    session: { endsAt: conversation.sessionEndsAt, closedAt: conversation.sessionClosedAt },
    need: messageNeed(type),
    now: world.now,
    continuedById: continuationOf(world, conversation),
    openConversationId: open?.id ?? null,
  });
  if (decision.kind === "refuse") return;
  if (isDeactivated(world, conversation.agentId ?? NOBODYS_SENDER)) return;
  const sender: Asker = { kind: "agent", agentId: conversation.agentId ?? NOBODYS_SENDER, role: "agent", groupIds: [] };
  if (refuseOffered(sender, conversation) !== null) return;
  const wasOffered = isOffered(conversation);
  const target = decision.kind === "reopen" ? reopen(world, conversation) : conversation;
  const isOpening = decision.kind === "reopen";
  world.sends.push({
    wasOffered,
    conversationId: target.id,
    type,
    at: world.now,
    isOpening,
    sessionEndsAt: target.sessionEndsAt,
  });
}

function continuationOf(world: RuleWorld, { id, joinedIntoId }: WorldConversation): string | null {
  if (joinedIntoId !== null) return joinedIntoId;
  const found = [...world.conversations.values()].find((one) => one.continues === id && one.state !== "failed");
  return found?.id ?? null;
}

function reopen(world: RuleWorld, expired: WorldConversation): WorldConversation {
  const agentId = expired.agentId ?? NOBODYS_SENDER;
  const opened: WorldConversation = {
    ...expired,
    id: world.createId(),
    state: "active",
    agentId,
    openedAt: world.now,
    queuedAt: world.now,
    sessionEndsAt: null,
    continues: expired.id,
    ...NOT_JOINED,
    offeredUntil: null,
    sequence: 1,
  };
  world.conversations.set(opened.id, opened);
  load(world, agentId, 1);
  return opened;
}

/** Meta refuses the template that opened a conversation: it fails unless the customer has written into it. */
function refuseTemplate(world: RuleWorld, sent: WorldSend | undefined): void {
  if (sent === undefined || !sent.isOpening) return;
  const conversation = existing(world, sent.conversationId);
  if (conversation.state !== "active" || conversation.sessionEndsAt !== null) return;
  conversation.state = "failed";
  load(world, conversation.agentId, -1);
}

function closeSessionOf(world: RuleWorld, conversation: WorldConversation | undefined): void {
  if (conversation === undefined || conversation.state !== "active" || conversation.sessionEndsAt === null) return;
  if (conversation.sessionEndsAt > world.now) conversation.sessionEndsAt = world.now;
  conversation.sessionClosedAt = world.now;
}

function expire(world: RuleWorld): void {
  for (const conversation of openOnes(world)) {
    if (dueStep({ ...conversation, warned: null }, [60], world.now).kind !== "expire") continue;
    if (conversation.state === "active") load(world, conversation.agentId, -1);
    conversation.state = "expired";
  }
}

function close(world: RuleWorld, conversation: WorldConversation | undefined): void {
  if (conversation === undefined || (conversation.state !== "active" && conversation.state !== "expired")) return;
  if (conversation.state === "active") {
    load(world, conversation.agentId, -1);
    conversation.closedAt = world.now;
  }
  conversation.state = "closed";
}

function assign(world: RuleWorld): void {
  const waiting = openOnes(world)
    .filter(({ state }) => state === "queued")
    .toSorted((a, b) => a.queuedAt.getTime() - b.queuedAt.getTime())
    .map(({ id, queuedAt, lapsedAgentIds, lapsedAt }) => ({
      conversationId: id,
      queuedAt,
      returningAgentId: null,
      requeuedFromAgentId: null,
      lapsedAgentIds,
      lapsedAt,
    }));
  const { members, rotation, now } = world;
  const given = distribute({
    members,
    isWhole: true,
    others: [],
    waiting,
    rotation,
    presence: "ignored",
    returningWaitMs: 0,
    now,
  });
  world.rotation = given.rotation;
  for (const { conversationId, agentId, reason } of given.assignments) {
    const offeredUntil = offerOf(reason.rule, world.offerSeconds, now);
    Object.assign(existing(world, conversationId), { state: "active", agentId, offeredUntil, assignedAt: now });
    const member = members.find((one) => one.agentId === agentId);
    if (member !== undefined) Object.assign(member, { activeCount: member.activeCount + 1, lastTurn: reason.turn });
  }
}
