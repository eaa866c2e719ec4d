import type { RefusalCode } from "./refusal.ts";
import type { Relation } from "./roles.ts";

/**
 * The states of a conversation that permissions tell apart. An offered one is active, and its agent has not accepted it
 * yet. A continued one is expired and goes on in another. A failed one is like a closed one.
 */
export const STATES = ["queued", "offered", "active", "expired", "continued", "closed"] as const;
export type State = (typeof STATES)[number];

interface Cell {
  /** These people may try. All others are told that it is not permitted. */
  by: readonly Relation[];
  /** What those are told where the state does not allow it; null where it is done. */
  code: RefusalCode | null;
}

/** What somebody may do, whatever the state of anything. */
export interface Permission {
  /** What it is, for the reference page. */
  words: string;
  by: readonly Relation[];
  /** What everybody else is told, where there is more to say than that it is not permitted. */
  denied?: string;
}

/** What somebody may do with a conversation, by its state. */
export interface ConversationPermission extends Omit<Permission, "by"> {
  cells: Record<State, Cell>;
  /** What a member of its group is told while nobody has the conversation. */
  deniedTaker?: string;
}

const may = (by: readonly Relation[]): Cell => ({ by, code: null });
const not = (code: RefusalCode, by: readonly Relation[]): Cell => ({ by, code });
const row = (
  queued: Cell,
  offered: Cell,
  active: Cell,
  expired: Cell,
  continued: Cell,
  closed: Cell,
): Record<State, Cell> => ({ queued, offered, active, expired, continued, closed });

const everybody: readonly Relation[] = ["member", "operator", "admin"];
const holders: readonly Relation[] = ["owner", "taker", "operator", "admin"];
const workers: readonly Relation[] = ["owner", "operator", "admin"];
const leaders: readonly Relation[] = ["operator", "admin"];
const claimers: readonly Relation[] = ["member"];
const owners: readonly Relation[] = ["owner"];
const admins: readonly Relation[] = ["admin"];

const anothers = (what: string) => `This conversation is another agent's. An operator of its group may ${what}.`;
const answering = {
  denied: anothers("answer in it"),
  deniedTaker: "This conversation waits in the queue: claim it before you answer.",
};
const working = {
  denied: anothers("work on it"),
  deniedTaker: "This conversation waits in the queue: claim it first.",
};
const queueDenied = "Only members of the group, its operators and admins may see its queue.";
const actingDenied = "Only the agent itself, an operator of one of its groups or an admin may do this.";
const adminDenied = "Only an admin may do this.";
const isOver = (by: readonly Relation[]) => not("conversation-not-open", by);
const isUnaccepted = not("conversation-offered", workers);
const notOffered = not("not-offered", owners);
const answeringOffer = {
  cells: row(not("not-offered", claimers), may(owners), notOffered, notOffered, notOffered, notOffered),
  denied: "Only the agent to whom it is offered may accept or decline it.",
};
const goesOn = (by: readonly Relation[]) => not("conversation-continued", by);

/**
 * Who may do what with a conversation in which state. What is not said is denied. A test asks the running services cell by
 * cell, and the reference page shows it.
 */
export const CONVERSATION_PERMISSIONS = {
  read: {
    words: "read it, its messages and its timeline",
    cells: row(may(holders), may(holders), may(holders), may(holders), may(holders), may(holders)),
    denied: anothers("read it"),
  },
  "explain-assignment": {
    words: "see why this agent",
    cells: row(may(everybody), may(everybody), may(everybody), may(everybody), may(everybody), may(everybody)),
    denied: queueDenied,
  },
  "explain-waiting": {
    words: "see why it waits",
    cells: row(
      may(everybody),
      isOver(everybody),
      isOver(everybody),
      isOver(everybody),
      isOver(everybody),
      isOver(everybody),
    ),
    denied: queueDenied,
  },
  claim: {
    words: "claim it",
    cells: row(
      may(claimers),
      not("conversation-taken", claimers),
      not("conversation-taken", claimers),
      isOver(claimers),
      isOver(claimers),
      isOver(claimers),
    ),
  },
  accept: {
    words: "accept what is offered",
    ...answeringOffer,
  },
  decline: {
    words: "decline what is offered",
    ...answeringOffer,
  },
  send: {
    words: "send a message",
    cells: row(
      may(leaders),
      isUnaccepted,
      may(workers),
      not("session-over", holders),
      goesOn(holders),
      isOver(workers),
    ),
    ...answering,
  },
  "ticket-link": {
    words: "make, propose, confirm or reject its ticket link",
    cells: row(
      may(leaders),
      isUnaccepted,
      may(workers),
      may(holders),
      goesOn(holders),
      not("conversation-closed", workers),
    ),
    ...working,
  },
  close: {
    words: "close it",
    cells: row(
      not("conversation-waits", leaders),
      isUnaccepted,
      may(workers),
      not("conversation-expired", holders),
      not("conversation-expired", holders),
      not("conversation-closed", workers),
    ),
    ...working,
  },
  "close-as-spam": {
    words: "close it as spam, without a ticket; agents only where their group lets them",
    cells: row(
      may(leaders),
      may(leaders),
      may(workers),
      may(workers),
      may(workers),
      not("conversation-closed", workers),
    ),
    ...working,
  },
  transfer: {
    words: "transfer it",
    cells: row(may(holders), may(holders), may(holders), isOver(holders), isOver(holders), isOver(holders)),
    denied: anothers("transfer it"),
  },
  "force-transfer": {
    words: "force a transfer",
    cells: row(may(leaders), may(leaders), may(leaders), isOver(leaders), isOver(leaders), isOver(leaders)),
    denied: "Only an operator of the group or an admin may force a transfer.",
  },
  template: {
    words: "send a template",
    cells: row(may(leaders), isUnaccepted, may(workers), may(holders), goesOn(holders), isOver(workers)),
    ...answering,
  },
  receipt: {
    words: "mark a message as read",
    cells: row(may(leaders), isUnaccepted, may(workers), may(holders), goesOn(holders), isOver(workers)),
    ...answering,
  },
  finalise: {
    words: "finalise it",
    cells: row(
      not("conversation-waits", leaders),
      isUnaccepted,
      isOver(workers),
      may(holders),
      may(holders),
      not("conversation-closed", workers),
    ),
    ...working,
  },
} satisfies Record<string, ConversationPermission>;

export type ConversationAct = keyof typeof CONVERSATION_PERMISSIONS;

/** Who may do what else. What is not said is denied. */
export const PERMISSIONS = {
  "set-availability": { words: "set an agent's availability", by: workers, denied: actingDenied },
  "set-capacity": {
    words: "set an agent's capacity",
    by: leaders,
    denied: "Only an operator of one of the agent's groups or an admin may set its capacity.",
  },
  heartbeat: { words: "say that an agent is present", by: workers, denied: actingDenied },
  "claim-for": { words: "claim for an agent", by: workers, denied: actingDenied },
  "send-for": { words: "send in another agent's name", by: leaders, denied: anothers("answer in it") },
  "start-conversation": {
    words: "write first to a customer on a channel",
    by: everybody,
    denied: "Only members of this channel's group, its operators and admins may write first on it.",
  },
  "start-for": {
    words: "write first in another agent's name",
    by: workers,
    denied: "Only an operator of this channel's group or an admin may write first in another agent's name.",
  },
  "list-queue": { words: "see a group and its queue", by: everybody, denied: queueDenied },
  hear: { words: "hear live of what happens to a conversation", by: workers },
  "hear-queue": { words: "hear live of a change in a queue", by: ["owner", ...everybody] },
  "list-receivers": { words: "see to which groups one may transfer", by: everybody },
  "list-templates": {
    words: "see a channel's templates",
    by: ["owner", ...everybody],
    denied: "Only the group of this channel and who works on a conversation of it see its templates.",
  },
  "read-tickets": { words: "see a ticket: search, read and link it", by: holders },
  "edit-ticket": {
    words: "edit a ticket",
    by: workers,
    denied:
      "Only who has a conversation that is linked to this ticket or open with its customer, an operator of such a " +
      "conversation's group, or an admin edits it.",
  },
  "join-contacts": {
    words: "see which contacts may be one person, and join them",
    by: leaders,
    denied: "Only an operator of a group in which both contacts had conversations, or an admin may join them.",
  },
  "block-contact": {
    words: "block a contact, and unblock it",
    by: leaders,
    denied: "Only an operator of a group in which the contact had a conversation, or an admin may do this.",
  },
  "list-circuits": {
    words: "see where sending is stopped",
    by: leaders,
    denied: "Only an operator or an admin may see where sending is stopped.",
  },
  "reset-circuit": {
    words: "let sending go on for a number or an account",
    by: leaders,
    denied: "Only an operator of a group whose channel it stops, or an admin may let sending go on here.",
  },
  "reset-token": {
    words: "let sending go on for a token",
    by: admins,
    denied: "Only an admin may let sending go on here.",
  },
  "access-tokens": { words: "list and set access tokens, and encrypt them again", by: admins, denied: adminDenied },
  configure: { words: "configure groups, agents and channels", by: admins, denied: adminDenied },
  "dead-letters": { words: "list, retry and discard dead letters", by: admins, denied: adminDenied },
} satisfies Record<string, Permission>;

export type Act = keyof typeof PERMISSIONS;
