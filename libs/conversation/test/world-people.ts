import { isQuiet, planJoin, receive, type Identities, type Inbound, type InboundEffects } from "../src/index.ts";
import { load } from "./world-agents.ts";
import type { RuleWorld } from "./world-state.ts";
import { endAsSpamIn } from "./world-blocking.ts";
import { closings, openOnes, sessions } from "./world-sessions.ts";

/** How a customer shows itself: by the first user id, the second one, the phone, or an id and the phone. */
export const FACES = ["first", "second", "phone", "first-and-phone", "second-and-phone"] as const;
export type Face = (typeof FACES)[number];

const CHANNEL = { id: "channel", phoneNumberId: "123", accountId: "100", groupId: "group" };
const CHANNELS = new Map([[CHANNEL.phoneNumberId, CHANNEL]]);

function identitiesOf(customer: number, face: Face): Identities {
  const isFirst = face.startsWith("first");
  const userId = face === "phone" ? null : `${isFirst ? "U" : "V"}${customer}`;
  const phone = face.endsWith("phone") ? `P${customer}` : null;
  return { userId, parentUserId: null, phone, phoneKey: phone };
}

const common = (world: RuleWorld, sentAt: Date) => ({
  key: `msg:${world.createId()}`,
  field: "messages",
  line: "{}",
  accountId: CHANNEL.accountId,
  phoneNumberId: CHANNEL.phoneNumberId,
  sentAt,
  receivedAt: world.now,
  content: "{}",
  text: "hola",
});

export function worldMessage(
  world: RuleWorld,
  { customer, face, type, sentAt }: { customer: number; face: Face; type: string; sentAt: Date },
): Inbound {
  const isLoud = !isQuiet(type);
  const profile = { name: null, username: null };
  const identities = identitiesOf(customer, face);
  const effect = { opensConversation: isLoud, renewsSession: isLoud, profile };
  return { ...common(world, sentAt), kind: "interaction", type, identities, ...effect };
}

export function worldNotice(world: RuleWorld, customer: number, sentAt: Date): Inbound {
  const [previous, identities] = [identitiesOf(customer, "first"), identitiesOf(customer, "second-and-phone")];
  const change = "user_changed_number";
  return { ...common(world, sentAt), kind: "identity-change", type: "system", change, previous, identities };
}

/** Makes an update take effect, as often as it comes; contacts that it proves to be one are joined first. */
export function take(world: RuleWorld, inbound: Inbound): InboundEffects {
  for (;;) {
    const { contacts, identities, retired, now, createId } = world;
    const blocked = new Set(world.blocked.keys());
    const state = { channels: CHANNELS, contacts, identities, retired, blocked, openConversations: openOnes(world) };
    const effects = receive(
      [inbound],
      { ...state, sessions: sessions(world), closings: closings(world) },
      { now, createId },
    );
    if (!("contactIds" in effects)) return effects;
    join(world, effects.contactIds);
  }
}

function join(world: RuleWorld, contactIds: readonly [string, string]): void {
  const [one, other] = contactIds.map((id) => {
    const contact = world.contacts.get(id);
    if (contact === undefined) throw new Error(`no contact ${id}`);
    // Ids count up.
    return { ...contact, createdAt: new Date(Number(id.slice(2))), blockedAt: world.blocked.get(id) ?? null };
  });
  if (one === undefined || other === undefined) throw new Error("a joining is of two contacts");
  const own = [...world.conversations.values()].filter(({ contactId }) => contactIds.includes(contactId));
  const plan = planJoin([one, other], own);
  world.contacts.set(plan.contact.id, plan.contact);
  world.contacts.delete(plan.joinedId);
  for (const [key, id] of world.identities) if (id === plan.joinedId) world.identities.set(key, plan.contact.id);
  for (const conversation of own) {
    conversation.contactId = plan.contact.id;
    const end = plan.ended.find(({ id }) => id === conversation.id);
    if (end === undefined) continue;
    if (conversation.state === "active") load(world, conversation.agentId, -1);
    Object.assign(conversation, { state: "expired", joinedIntoId: end.intoId, joinedAt: world.now });
  }
  for (const kept of plan.kept) Object.assign(world.conversations.get(kept.id) ?? {}, kept);
  for (const id of plan.block?.spamIds ?? []) endAsSpamIn(world, world.conversations.get(id));
  world.blocked.delete(plan.joinedId);
  if (plan.block !== null) world.blocked.set(plan.contact.id, plan.block.at);
}
