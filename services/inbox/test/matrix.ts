import type { CommandInput, CommandVerb } from "@turno/contracts";
import type { Act, ConversationAct, State } from "@turno/conversation";
import { stageAgent, STAGE_GROUP, stageId } from "@turno/testing";
import { BILLING, OUTSIDER } from "./fixtures.ts";
import { TO_AGENT, TO_GROUP, TO_NO_GROUP, TO_NOTHING, TO_OTHER_GROUP, type Standings } from "./standings.ts";

/** Stand for the conversation of a row, and for who asks: whoever asks puts them in. */
export const [HERE, SELF] = [stageId(0, 1), stageId(0, 2)];

/** What the rows are about: a conversation of agent 0, another group's, a ticket of that one and one without any. */
export const [HELD, HELD_BY_OTHERS, WAITING, EXPIRED] = [stageId(7, 1), stageId(7, 2), stageId(7, 3), stageId(7, 4)];
/** Whose contacts may be joined without a word about any other row. */
export const [CLOSED, CLOSED_BY_OTHERS] = [stageId(7, 9), stageId(7, 10)];
export const [LINKED, REQUESTED, UNLINKED] = [stageId(5, 1), stageId(5, 2), stageId(5, 3)];
/** The history of a conversation on the linked ticket. */
export const HISTORY = stageId(10);
/** Each conversation is of a contact of its own. */
export const contactOf = (conversationId: string): string => conversationId.replace("-8000-0007", "-8000-0008");
const NOBODY = stageId(9);
/** The contact of one that is expired: to block it ends nothing that another row asks about. */
const BLOCKABLE = contactOf(stageId(7, 7));

/** Why something asks for no act of the table. */
export type Reason = `public: ${string}` | `about oneself: ${string}` | `between services: ${string}`;

/** An act that is asked for, cell by cell, with a conversation that is `HERE`, in every state and anybody's. */
interface CellRow<Ask> {
  cells: ConversationAct;
  asks: readonly Ask[];
}

/** An act that is asked for with one thing, to which people stand so. */
interface ActRow<Ask> {
  act: Act | ConversationAct;
  /** Of the conversation that it is about, if it is about one. */
  state?: State;
  asks: readonly Ask[];
  to: Standings;
  /** What those are told who may not, where that is another code than `not-permitted`. */
  told?: string;
}

/** What is shown goes by an act: `LISTS` and `HEARD` say what each person sees of it, row by row. */
interface ShownRow {
  shows: Act | ConversationAct;
}

export type MatrixRow<Ask> = CellRow<Ask> | ActRow<Ask> | ShownRow;
type Rows<Ask> = readonly MatrixRow<Ask>[] | Reason;

export type VerbAsk<V extends CommandVerb = CommandVerb> = Omit<CommandInput<V>, "actor">;

const here = { conversationId: HERE };
const own = { conversationId: HERE, agentId: SELF };
const agentId = stageAgent(0);
const text = { type: "text", body: "hola" } as const;
const template = { type: "template", name: "hello", language: "es" } as const;
const first = { channelId: stageId(3), to: { phone: "34600111222" }, message: template };
const toGroup = { conversationId: HERE, to: { groupId: BILLING } };
const linked = { ticket: { id: LINKED } };
const requested = { ticket: { id: REQUESTED } };
const unlinked = { ticket: { id: UNLINKED } };

/** The broker lets the operators' tool alone ask for it. */
const EXAMINED = "between services: the operators' doctor asks each service what it sees";

/** For what each command asks. One without a row is a fault of types here. */
export const VERBS: { readonly [V in CommandVerb]: Rows<VerbAsk<V>> } = {
  configure: [{ act: "configure", asks: [{}], to: TO_NO_GROUP }],
  "set-availability": [
    { act: "set-availability", asks: [{ agentId, availability: "away" }], to: TO_AGENT },
    { act: "set-capacity", asks: [{ agentId, availability: "away", capacity: 9 }], to: TO_AGENT },
  ],
  heartbeat: [{ act: "heartbeat", asks: [{ agentId }], to: TO_AGENT }],
  accept: [{ cells: "accept", asks: [own] }],
  decline: [{ cells: "decline", asks: [own] }],
  claim: [
    { cells: "claim", asks: [own] },
    { act: "claim-for", asks: [{ agentId, conversationId: HELD }], to: TO_AGENT },
  ],
  "claim-next": [
    {
      act: "claim",
      state: "queued",
      asks: [{ agentId: SELF, groupId: STAGE_GROUP }],
      to: TO_GROUP,
      told: "not-a-member",
    },
    { act: "claim-for", asks: [{ agentId, groupId: STAGE_GROUP }, { agentId }], to: TO_AGENT },
  ],
  transfer: [
    { cells: "transfer", asks: [toGroup] },
    { cells: "force-transfer", asks: [{ ...toGroup, force: true }] },
  ],
  "list-queue": [{ act: "list-queue", asks: [{ groupId: STAGE_GROUP }], to: TO_GROUP }, { shows: "list-queue" }],
  "list-groups": [{ shows: "list-queue" }],
  "explain-assignment": [{ cells: "explain-assignment", asks: [here] }],
  "explain-waiting": [{ cells: "explain-waiting", asks: [here] }],
  send: [
    { cells: "send", asks: [{ ...own, message: text }] },
    { cells: "template", asks: [{ ...own, message: template }] },
    { cells: "receipt", asks: [{ ...own, message: { type: "read", messageId: `wamid.${HERE}`, typing: false } }] },
    {
      act: "send-for",
      asks: [{ conversationId: HELD, agentId: stageAgent(OUTSIDER), message: text }],
      to: TO_AGENT,
    },
    {
      act: "force-transfer",
      asks: [{ conversationId: EXPIRED, agentId: SELF, message: template, force: true }],
      to: TO_AGENT,
    },
  ],
  "start-conversation": [
    { act: "start-conversation", asks: [{ ...first, agentId: SELF }], to: TO_GROUP },
    { act: "start-for", asks: [{ ...first, agentId }], to: TO_AGENT },
  ],
  // Who may read an open conversation of the channel counts as its owner.
  "list-templates": [
    { act: "list-templates", asks: [{ channelId: stageId(3) }], to: { ...TO_GROUP, outsider: ["owner"] } },
    { act: "list-templates", asks: [{ channelId: stageId(3, 1) }], to: { ...TO_OTHER_GROUP, agent: ["owner"] } },
  ],
  "read-templates": "between services: the gate has an account's list read, whoever asked for what needs it",
  "examine-gateway": EXAMINED,
  "examine-router": EXAMINED,
  "examine-session-tracker": EXAMINED,
  "examine-sender": EXAMINED,
  "examine-inbox": EXAMINED,
  "examine-provisioner": EXAMINED,
  "list-circuits": [{ act: "list-circuits", asks: [{}], to: TO_NO_GROUP }, { shows: "list-circuits" }],
  "reset-circuit": [
    {
      act: "reset-circuit",
      asks: [
        { scope: "number", key: "123" },
        { scope: "account", key: "100" },
        { scope: "templates", key: "100" },
      ],
      to: TO_GROUP,
    },
    { act: "reset-token", asks: [{ scope: "token", key: "token" }], to: TO_NO_GROUP },
  ],
  "set-access-token": [
    {
      act: "access-tokens",
      asks: [
        { scope: "account", key: "999", token: "EAAofTheMatrix" },
        { scope: "channel", key: NOBODY, token: null },
      ],
      to: TO_NO_GROUP,
    },
  ],
  "list-access-tokens": [{ act: "access-tokens", asks: [{}], to: TO_NO_GROUP }, { shows: "access-tokens" }],
  "rotate-token-keys": [{ act: "access-tokens", asks: [{}], to: TO_NO_GROUP }],
  close: [{ cells: "close", asks: [here] }],
  "close-as-spam": [{ cells: "close-as-spam", asks: [here] }],
  finalise: [{ cells: "finalise", asks: [here, { ...here, ...linked }] }],
  "propose-ticket-link": [{ cells: "ticket-link", asks: [{ ...here, ...linked }] }],
  "confirm-ticket-link": [{ cells: "ticket-link", asks: [here] }],
  "reject-ticket-link": [{ cells: "ticket-link", asks: [here] }],
  "link-ticket": [{ cells: "ticket-link", asks: [{ ...here, ...linked }] }],
  "create-ticket": [{ cells: "ticket-link", asks: [{ ...here, subject: "New" }] }],
  "search-tickets": [{ shows: "read-tickets" }],
  "read-ticket": [
    { act: "read-tickets", asks: [linked, requested], to: TO_AGENT, told: "not-found" },
    { act: "read-tickets", asks: [unlinked], to: TO_NOTHING, told: "not-found" },
  ],
  "read-ticket-action": [
    { act: "read-tickets", asks: [{ ...linked, actionId: HISTORY }], to: TO_AGENT, told: "not-found" },
  ],
  "edit-ticket": [
    {
      act: "edit-ticket",
      asks: [linked, requested].map((ticket) => ({ ...ticket, status: "solved" as const })),
      to: TO_AGENT,
      told: "not-found",
    },
    { act: "edit-ticket", asks: [{ ...unlinked, status: "solved" }], to: TO_NOTHING, told: "not-found" },
  ],
  "complete-ticket-action": [
    { act: "edit-ticket", asks: [{ ...linked, actionId: HISTORY, note: "Done" }], to: TO_AGENT, told: "not-found" },
  ],
  "list-contact-conflicts": [{ act: "join-contacts", asks: [{}], to: TO_NO_GROUP }, { shows: "join-contacts" }],
  "join-contacts": [
    { act: "join-contacts", asks: [{ contactId: contactOf(HELD), otherId: NOBODY }], to: TO_GROUP },
    {
      act: "join-contacts",
      asks: [
        { contactId: contactOf(CLOSED), otherId: contactOf(CLOSED_BY_OTHERS) },
        { contactId: contactOf(CLOSED_BY_OTHERS), otherId: contactOf(CLOSED) },
      ],
      to: TO_NOTHING,
    },
  ],
  "block-contact": [{ act: "block-contact", asks: [{ contactId: BLOCKABLE, reason: "spam" }], to: TO_GROUP }],
  "unblock-contact": [{ act: "block-contact", asks: [{ contactId: BLOCKABLE }], to: TO_GROUP }],
  "list-dead-letters": [{ act: "dead-letters", asks: [{}], to: TO_NO_GROUP }, { shows: "dead-letters" }],
  "retry-dead-letter": [{ act: "dead-letters", asks: [{ id: NOBODY }], to: TO_NO_GROUP }],
  "retry-status": [{ act: "dead-letters", asks: [{ id: NOBODY }], to: TO_NO_GROUP }],
  "discard-dead-letter": [{ act: "dead-letters", asks: [{ id: NOBODY }], to: TO_NO_GROUP }],
};

/** A request of a route that gives no command: with a form where the route takes one. */
export interface RouteAsk {
  path: string;
  form?: Record<string, string>;
}

const page = `/console/c/${HERE}`;
const conversation = `/v1/conversations/${HERE}`;
const post = (path: string, form: Record<string, string> = {}): RouteAsk => ({ path, form });

/** The forms of a conversation's page, by the last part of their paths, with the act that each asks for. */
export const CONVERSATION_FORMS: Record<
  string,
  { cells: ConversationAct; form?: Record<string, string> } | { contactAct: Act; form: Record<string, string> }
> = {
  claim: { cells: "claim" },
  accept: { cells: "accept" },
  decline: { cells: "decline" },
  messages: { cells: "send", form: { text: "hola" } },
  template: { cells: "template", form: { template: "hello|es" } },
  transfer: { cells: "transfer", form: { to: `group:${BILLING}` } },
  ticket: { cells: "ticket-link", form: { subject: "New" } },
  "ticket-link": { cells: "ticket-link", form: { number: "1" } },
  "ticket-link/confirm": { cells: "ticket-link" },
  "ticket-link/reject": { cells: "ticket-link" },
  close: { cells: "close" },
  spam: { cells: "close-as-spam" },
  block: { contactAct: "block-contact", form: { contactId: BLOCKABLE, reason: "spam" } },
  unblock: { contactAct: "block-contact", form: { contactId: BLOCKABLE } },
  finalise: { cells: "finalise" },
};

/** For what each route asks that gives no command. Those of commands ask for what their commands ask for. */
export const OTHER_ROUTES: Readonly<Record<string, Rows<RouteAsk>>> = {
  "GET /v1/me": "about oneself: role, groups and scopes of who asks",
  "GET /v1/receivers": [{ act: "list-receivers", asks: [{ path: "/v1/receivers" }], to: TO_NO_GROUP }],
  "GET /v1/channels": [{ shows: "start-conversation" }],
  "GET /v1/conversations": [{ shows: "read" }, { shows: "list-queue" }],
  "GET /v1/conversations/:conversationId": [{ cells: "read", asks: [{ path: conversation }] }],
  "GET /v1/conversations/:conversationId/messages": [{ cells: "read", asks: [{ path: `${conversation}/messages` }] }],
  "GET /v1/conversations/:conversationId/timeline": [{ cells: "read", asks: [{ path: `${conversation}/timeline` }] }],
  "GET /v1/live": [{ shows: "hear" }, { shows: "hear-queue" }],
  "ALL /v1/*": "public: there is no such route",
  "GET /console": [{ shows: "read" }, { shows: "list-queue" }],
  "GET /console/first": [{ shows: "start-conversation" }, { shows: "read" }, { shows: "list-queue" }],
  "POST /console/first": [
    {
      act: "start-conversation",
      asks: [post("/console/first", { channel: stageId(3), to: "+34 600 111 222", template: "hello|es" })],
      to: TO_GROUP,
    },
  ],
  "GET /console/c/:id": [{ cells: "read", asks: [{ path: page }] }],
  "POST /console/c/:id/:verb": Object.entries(CONVERSATION_FORMS).map(([verb, asked]) =>
    "cells" in asked
      ? { cells: asked.cells, asks: [post(`${page}/${verb}`, asked.form)] }
      : { act: asked.contactAct, asks: [post(`/console/c/${EXPIRED}/${verb}`, asked.form)], to: TO_GROUP },
  ),
  "POST /console/availability": [
    {
      act: "set-availability",
      asks: [post("/console/availability", { agentId, availability: "away" })],
      to: TO_AGENT,
    },
  ],
  "POST /console/claim-next": [
    { act: "claim", state: "queued", asks: [post("/console/claim-next", { groupId: STAGE_GROUP })], to: TO_GROUP },
  ],
  "GET /console/t/:ticket": [{ act: "read-tickets", asks: [{ path: "/console/t/1" }], to: TO_AGENT, told: "404" }],
  "POST /console/t/:ticket/edit": [
    {
      act: "edit-ticket",
      asks: [post("/console/t/1/edit", { version: "1", subject: "Matrix", status: "open" })],
      to: TO_AGENT,
      told: "404",
    },
  ],
  "POST /console/t/:ticket/note/:actionId": [
    { act: "edit-ticket", asks: [post(`/console/t/1/note/${HISTORY}`, { note: "Done" })], to: TO_AGENT, told: "404" },
  ],
  "GET /console/live": [{ shows: "hear" }, { shows: "hear-queue" }],
  "GET /sign-in/:issuer": "public: leads to an issuer",
  "GET /sign-in/:issuer/callback": "public: an issuer vouches for who comes with it",
  "GET /sign-in/out": "public: says nothing of anybody",
  "POST /console/login": "public: a token becomes a cookie, which each page asks about",
  "POST /console/logout": "about oneself: the cookie goes",
  "GET /console/console.js": "public: says nothing of anybody",
  "GET /console/console.css": "public: says nothing of anybody",
  "POST /local/token/:agentId": "public: only with the local issuer, which production refuses",
  "GET /": "public: leads to the console",
  "GET /docs": "public: what the API is",
  "GET /openapi.json": "public: what the API is",
  "GET /health/live": "public: says nothing of anybody",
  "GET /health/ready": "public: says nothing of anybody",
  "GET /metrics": "public: figures alone",
};
