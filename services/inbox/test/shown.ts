import type { EventType } from "@turno/contracts";
import type { Act, ConversationAct, State } from "@turno/conversation";
import { stageAgent, STAGE_GROUP, stageId } from "@turno/testing";
import { BILLING, OUTSIDER } from "./fixtures.ts";
import {
  CLOSED,
  CLOSED_BY_OTHERS,
  contactOf,
  EXPIRED,
  HELD,
  HELD_BY_OTHERS,
  LINKED,
  REQUESTED,
  UNLINKED,
  WAITING,
  type RouteAsk,
} from "./matrix.ts";
import { standTo, TO_AGENT, TO_GROUP, TO_NO_GROUP, TO_NOTHING, TO_OTHER_GROUP, type Standings } from "./standings.ts";

/** Conversations in each state, of both groups, of their agents, of nobody, and of an agent of the other group. */
export const WORLD: readonly { id: string; state: State; groupId: string; holder: number | null }[] = [
  { id: HELD, state: "active", groupId: STAGE_GROUP, holder: 0 },
  { id: HELD_BY_OTHERS, state: "active", groupId: BILLING, holder: OUTSIDER },
  { id: WAITING, state: "queued", groupId: STAGE_GROUP, holder: null },
  { id: EXPIRED, state: "expired", groupId: STAGE_GROUP, holder: 0 },
  { id: stageId(7, 5), state: "queued", groupId: BILLING, holder: null },
  { id: stageId(7, 6), state: "expired", groupId: BILLING, holder: OUTSIDER },
  { id: stageId(7, 7), state: "expired", groupId: STAGE_GROUP, holder: null },
  { id: stageId(7, 8), state: "expired", groupId: BILLING, holder: null },
  { id: CLOSED, state: "closed", groupId: STAGE_GROUP, holder: 0 },
  { id: CLOSED_BY_OTHERS, state: "closed", groupId: BILLING, holder: OUTSIDER },
  { id: stageId(7, 11), state: "offered", groupId: STAGE_GROUP, holder: 1 },
  { id: stageId(7, 12), state: "active", groupId: STAGE_GROUP, holder: OUTSIDER },
  { id: stageId(7, 13), state: "expired", groupId: BILLING, holder: 0 },
];

/** Pairs of contacts that may be one person: of one group, of the other, and one of each. */
export const CONFLICTS = [
  { pair: [contactOf(HELD), contactOf(EXPIRED)], to: TO_GROUP },
  { pair: [contactOf(HELD_BY_OTHERS), contactOf(stageId(7, 6))], to: TO_OTHER_GROUP },
  { pair: [contactOf(CLOSED), contactOf(CLOSED_BY_OTHERS)], to: TO_NOTHING },
] as const;

/** What stops sending: for a number of each group, for an account of the one, and for all. */
export const CIRCUITS = [
  { scope: "number", key: "123", to: TO_GROUP },
  { scope: "number", key: "456", to: TO_OTHER_GROUP },
  { scope: "account", key: "100", to: TO_GROUP },
  { scope: "templates", key: "100", to: TO_GROUP },
  { scope: "token", key: "token", to: TO_NO_GROUP },
] as const;

/** An account that has an access token of its own. */
export const ACCOUNT_OF_TOKEN = "900100200";
export const LETTER = stageId(6);

/** One thing that a list shows: by what it is known in the answer, and to whom the table lets it be shown. */
interface Shown {
  mark: string;
  act: Act | ConversationAct;
  state?: State;
  to: Standings;
}

/** One question to a list, and all that it shows to anybody. */
export interface ListAsk {
  ask: object;
  shows: readonly Shown[];
}

function conversations(isListed: (one: (typeof WORLD)[number]) => boolean): Shown[] {
  return WORLD.filter(isListed).map(({ id, state, groupId, holder }) => ({
    mark: id,
    act: state === "queued" ? "list-queue" : "read",
    state,
    to: standTo(holder === null ? null : stageAgent(holder), [groupId]),
  }));
}

const stateOf = (state: State) => (state === "offered" ? "active" : state);
const conversationList = (
  query: { state: string; groupId?: string; agentId?: string; order?: string },
  isListed: (one: (typeof WORLD)[number]) => boolean = () => true,
): ListAsk => {
  const path = `/v1/conversations?${new URLSearchParams(query).toString()}`;
  const ask: RouteAsk = { path };
  return { ask, shows: conversations((one) => stateOf(one.state) === query.state && isListed(one)) };
};

const GROUPS = [STAGE_GROUP, BILLING];

/** On which channels people may write first. */
const CHANNELS: readonly Shown[] = [
  { mark: stageId(3), act: "start-conversation", to: TO_GROUP },
  { mark: stageId(3, 1), act: "start-conversation", to: TO_OTHER_GROUP },
];

/** What each list shows, by its command or route. */
export const LISTS: Record<string, readonly ListAsk[]> = {
  "GET /v1/conversations": ["queued", "active", "expired", "closed"].flatMap((state) => [
    conversationList({ state }),
    ...(state === "queued" || state === "active" ? [conversationList({ state, order: "waitingSince" })] : []),
    ...GROUPS.map((groupId) => conversationList({ state, groupId }, (one) => one.groupId === groupId)),
    ...(state === "queued" ? [] : [0, OUTSIDER]).map((holder) =>
      conversationList({ state, agentId: stageAgent(holder) }, (one) => one.holder === holder),
    ),
  ]),
  "GET /console": [{ ask: { path: "/console" }, shows: conversations(({ state }) => state !== "closed") }],
  "GET /console/first": [
    { ask: { path: "/console/first" }, shows: [...conversations(({ state }) => state !== "closed"), ...CHANNELS] },
  ],
  "GET /v1/channels": [{ ask: { path: "/v1/channels" }, shows: CHANNELS }],
  "list-queue": GROUPS.map((groupId) => ({
    ask: { groupId },
    shows: conversations((one) => one.state === "queued" && one.groupId === groupId),
  })),
  "list-groups": [
    {
      ask: {},
      shows: [
        { mark: STAGE_GROUP, act: "list-queue", to: TO_GROUP },
        { mark: stageAgent(0), act: "list-queue", to: TO_GROUP },
        { mark: BILLING, act: "list-queue", to: TO_OTHER_GROUP },
        { mark: stageAgent(OUTSIDER), act: "list-queue", to: TO_OTHER_GROUP },
      ],
    },
  ],
  "search-tickets": ["matrix", ""].map((text) => ({
    ask: { text },
    shows: [LINKED, REQUESTED, UNLINKED].map((mark) => ({
      mark,
      act: "read-tickets" as const,
      to: mark === UNLINKED ? TO_NOTHING : TO_AGENT,
    })),
  })),
  "list-contact-conflicts": [
    {
      ask: {},
      shows: CONFLICTS.flatMap(({ pair, to }) => pair.map((mark) => ({ mark, act: "join-contacts" as const, to }))),
    },
  ],
  "list-circuits": [
    {
      ask: {},
      shows: CIRCUITS.map(({ scope, key, to }) => ({
        mark: `{"scope":"${scope}","key":"${key}"`,
        act: "list-circuits",
        to,
      })),
    },
  ],
  "list-access-tokens": [{ ask: {}, shows: [{ mark: ACCOUNT_OF_TOKEN, act: "access-tokens", to: TO_NO_GROUP }] }],
  "list-dead-letters": [{ ask: {}, shows: [{ mark: LETTER, act: "dead-letters", to: TO_NO_GROUP }] }],
};

/** An event about the conversation of agent 0 that is `HELD`, or about something else. */
interface Heard {
  entityId?: string;
  data?: object;
  act: "hear" | "hear-queue";
  to: Standings;
}

const agentId = stageAgent(0);
const CONFIGURING = stageId(9, 14);
const ofConversation: Heard = { act: "hear", to: TO_AGENT };
const ofQueue: Heard = { act: "hear-queue", to: TO_AGENT };
const from = { groupId: STAGE_GROUP, agentId };
/** Both sides of a move hear of it. */
const toOutsider = {
  ...standTo(null, [STAGE_GROUP, BILLING]),
  agent: TO_AGENT.agent,
  outsider: ["owner", "member"],
} as const satisfies Standings;
const move = (agentOrNobody: string | null) => ({ from, to: { groupId: BILLING, agentId: agentOrNobody } });

/** Who hears live of each kind of event. One without a row is a fault of types here. */
export const HEARD: Record<EventType, readonly Heard[]> = {
  "conversation.opened": [ofQueue],
  "conversation.assigned": [ofQueue],
  "conversation.accepted": [ofConversation],
  "conversation.transferred": [
    { data: move(stageAgent(OUTSIDER)), act: "hear", to: toOutsider },
    { data: move(null), act: "hear-queue", to: standTo(agentId, GROUPS) },
  ],
  "conversation.unanswered": [ofQueue],
  "conversation.expiring": [ofConversation],
  "conversation.joined": [ofConversation],
  "conversation.expired": [
    { ...ofConversation, data: { agentId } },
    { ...ofQueue, data: { agentId: null } },
  ],
  "conversation.reopened": [ofConversation],
  "conversation.started": [ofConversation],
  "conversation.failed": [ofConversation],
  "conversation.closed": [ofConversation],
  "message.received": [ofConversation],
  "message.echoed": [ofConversation],
  "message.requested": [ofConversation],
  "message.accepted": [ofConversation],
  "message.held": [ofConversation],
  "message.sent": [ofConversation],
  "message.delivered": [ofConversation],
  "message.read": [ofConversation],
  "message.played": [ofConversation],
  "message.failed": [ofConversation],
  "message.unconfirmed": [ofConversation],
  "payment.reported": [ofConversation],
  "ticket.proposed": [ofConversation],
  "ticket.confirmed": [ofConversation],
  "ticket.rejected": [ofConversation],
  // What is of no conversation is heard by who it is about, and by admins.
  "ticket.edited": [{ entityId: LINKED, act: "hear", to: TO_NOTHING }],
  "contact.renumbered": [{ entityId: contactOf(HELD), act: "hear", to: TO_NOTHING }],
  "contact.joined": [{ entityId: contactOf(HELD), act: "hear", to: TO_NOTHING }],
  "contact.blocked": [{ entityId: contactOf(HELD), act: "hear", to: TO_NOTHING }],
  "contact.unblocked": [{ entityId: contactOf(HELD), act: "hear", to: TO_NOTHING }],
  "agent.updated": [{ entityId: agentId, data: { agentId }, act: "hear", to: standTo(agentId, []) }],
  "configuration.changed": [{ entityId: CONFIGURING, act: "hear", to: TO_NOTHING }],
};
