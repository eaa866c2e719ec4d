import type { RuleWorld, WorldConversation } from "./world-state.ts";

const FOLLOW_UP_SECONDS = 600;

export const openOnes = (world: RuleWorld): WorldConversation[] =>
  [...world.conversations.values()].filter(({ state }) => state === "queued" || state === "active");

export function sessions(world: RuleWorld) {
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
export function closings(world: RuleWorld) {
  const latest = new Map([...world.conversations.values()].map((one) => [`${one.contactId}:${one.channelId}`, one]));
  return new Map(
    [...latest].flatMap(([key, { id, groupId, agentId, closedAt }]) =>
      closedAt === null || agentId === null
        ? []
        : [[key, { conversationId: id, groupId, agentId, closedAt, ticket: null, followUpSeconds: FOLLOW_UP_SECONDS }]],
    ),
  );
}
