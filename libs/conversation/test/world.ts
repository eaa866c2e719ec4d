import {
  canFollowUp,
  decideSend,
  distribute,
  dueStep,
  messageNeed,
  receive,
  type Channel,
  type Inbound,
} from "../src/index.ts";
import { deactivate, flip, isDeactivated, lapse, load } from "./world-agents.ts";
import type { RuleWorld, WorldConversation, WorldSend } from "./world-state.ts";

/** What can happen in the world; `after` is how many minutes pass before it. */
export type Happening = { after: number } & (
  | { kind: "write"; customer: number; lateMinutes: number; repeats: boolean }
  | { kind: "send"; conversation: number; type: "text" | "template" }
  | { kind: "refuse-template"; send: number }
  | { kind: "refuse-session"; conversation: number }
  | { kind: "expire" }
  | { kind: "close"; conversation: number }
  | { kind: "lapse"; conversation: number }
  | { kind: "flip"; agent: number }
  | { kind: "deactivate"; agent: number }
);

const channel: Channel = { id: "channel", phoneNumberId: "123", groupId: "group" };
const CHANNELS = new Map([[channel.phoneNumberId, channel]]);
const MINUTE_MS = 60_000;
const FOLLOW_UP_SECONDS = 600;
const NOBODYS_SENDER = "agent0";

export function happen(world: RuleWorld, happening: Happening): void {
  world.now = new Date(world.now.getTime() + happening.after * MINUTE_MS);
  switch (happening.kind) {
    case "write":
      write(world, happening);
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
    case "lapse":
      lapse(world, at([...world.conversations.values()], happening.conversation));
      break;
    case "flip":
      flip(world, at(world.members, happening.agent));
      break;
    case "deactivate":
      deactivate(world, at(world.members, happening.agent));
      break;
  }
  assign(world);
}

const at = <T>(items: readonly T[], index: number): T | undefined => items[index % Math.max(1, items.length)];

function write(world: RuleWorld, { customer, lateMinutes, repeats }: Happening & { kind: "write" }): void {
  const fresh: Inbound = {
    key: `msg:${world.createId()}`,
    field: "messages",
    line: "{}",
    phoneNumberId: channel.phoneNumberId,
    type: "text",
    kind: "interaction",
    sentAt: new Date(world.now.getTime() - lateMinutes * MINUTE_MS),
    receivedAt: world.now,
    identities: { userId: `U${customer}`, parentUserId: null, phone: null, phoneKey: null },
    content: "{}",
    opensConversation: true,
    renewsSession: true,
    profile: { name: null, username: null },
  };
  const inbound = repeats && world.lastWrite !== null ? world.lastWrite : fresh;
  world.lastWrite = inbound;
  if (world.keys.has(inbound.key)) return;
  world.keys.add(inbound.key);

  const { contacts, identities, now, createId } = world;
  const effects = receive(
    [inbound],
    {
      channels: CHANNELS,
      contacts,
      identities,
      openConversations: openOnes(world),
      sessions: sessions(world),
      closings: closings(world),
    },
    { now, createId },
  );
  for (const opened of effects.newConversations) {
    const follower = world.members.find(({ agentId }) => agentId === opened.follows?.agentId);
    const follows = follower !== undefined && canFollowUp(follower, "ignored", now);
    const held = follows
      ? { state: "active" as const, agentId: follower.agentId }
      : { state: "queued" as const, agentId: null };
    const untouched = { queuedAt: now, continues: null, closedAt: null, lapsedAgentIds: [], lapsedAt: null };
    world.conversations.set(opened.id, { ...opened, ...held, ...untouched });
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

export const openOnes = (world: RuleWorld): WorldConversation[] =>
  [...world.conversations.values()].filter(({ state }) => state === "queued" || state === "active");

function sessions(world: RuleWorld) {
  return new Map(
    [...world.conversations.values()]
      .filter(({ state }) => state !== "queued" && state !== "active")
      .map((one) => [
        `${one.contactId}:${one.channelId}`,
        { endsAt: one.sessionEndsAt, closedAt: one.sessionClosedAt },
      ]),
  );
}

/** How the latest conversation of each contact was closed, where it was. */
function closings(world: RuleWorld) {
  const latest = new Map([...world.conversations.values()].map((one) => [`${one.contactId}:${one.channelId}`, one]));
  return new Map(
    [...latest].flatMap(([key, { id, groupId, agentId, closedAt }]) =>
      closedAt === null || agentId === null
        ? []
        : [[key, { conversationId: id, groupId, agentId, closedAt, ticket: null, followUpSeconds: FOLLOW_UP_SECONDS }]],
    ),
  );
}

function send(world: RuleWorld, conversation: WorldConversation | undefined, type: "text" | "template"): void {
  if (conversation === undefined || conversation.state === "queued") return;
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
  const target = decision.kind === "reopen" ? reopen(world, conversation) : conversation;
  const isOpening = decision.kind === "reopen";
  world.sends.push({ conversationId: target.id, type, at: world.now, isOpening, sessionEndsAt: target.sessionEndsAt });
}

function continuationOf(world: RuleWorld, { id }: WorldConversation): string | null {
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
    Object.assign(existing(world, conversationId), { state: "active", agentId });
    const member = members.find((one) => one.agentId === agentId);
    if (member !== undefined) Object.assign(member, { activeCount: member.activeCount + 1, lastTurn: reason.turn });
  }
}
