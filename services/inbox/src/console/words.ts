import type { ConversationView } from "../lists/conversation-row.ts";
import type { TimelineEntry } from "../lists/read-conversation.ts";
import type { ShownGroup, WhyWaiting } from "./read-page.ts";

const MINUTE_MS = 60_000;

/** Says a duration by its two greatest units. */
export function sayDuration(ms: number): string {
  const [seconds, minutes] = [Math.floor(ms / 1000), Math.floor(ms / MINUTE_MS)];
  if (seconds < 60) return `${seconds} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days ${hours % 24} h`;
}

/** Writes a phone number, which is kept as digits alone, as people dial it. */
export const sayPhone = (phone: string) => `+${phone.replace(/^\+/, "")}`;

export const nameOfContact = ({ name, username, phone }: ConversationView["contact"]) =>
  name ?? username ?? (phone === null ? null : sayPhone(phone)) ?? "Customer without a name";

/** Names of agents and groups that the asker sees. */
export interface Names {
  agent: (id: unknown) => string;
  group: (id: unknown) => string;
}

export function namesIn(groups: readonly ShownGroup[], ownId: string): Names {
  const agents = new Map(groups.flatMap((group) => group.agents.map(({ id, name }) => [id, name])));
  const byId = new Map(groups.map(({ id, name }) => [id, name]));
  return {
    agent: (id) => (id === ownId ? "you" : (agents.get(String(id)) ?? "somebody of another group")),
    group: (id) => byId.get(String(id)) ?? "another group",
  };
}

type Data = Record<string, unknown>;
type Reason = { rule: string; candidates: string[]; leftOut: { agentId: string; why: string }[]; isCut?: true };

const RULES: Record<string, string> = {
  turn: "whose turn it was",
  returning: "who had this customer last",
  "follow-up": "who has just closed this customer's last conversation",
  claim: "who claimed it",
  transfer: "to whom it was transferred",
  template: "who sent the template",
};
const WHY_NOT: Record<string, string> = {
  eligible: "could take it",
  away: "away",
  absent: "not at the screen",
  full: "has all it takes",
  "requeued-from": "had it and did not answer",
};

const AUTOMATIC: Record<string, string> = {
  "outside-hours": "the group does not work now",
  greeting: "the greeting",
  queue: "the customer has to wait",
};

/** Returns what an event of the timeline says to people; null if the list of messages already says it. */
export function describeEntry({ type, data: unknown }: TimelineEntry, names: Names): string | null {
  const data = unknown as Data;
  switch (type) {
    case "conversation.opened":
      return `Opened in ${names.group(data["groupId"])}`;
    case "conversation.assigned":
      return describeAssignment(data, names);
    case "conversation.transferred": {
      const forced = data["forced"] === true ? ", forced" : "";
      const reason = typeof data["reason"] === "string" ? `: “${data["reason"]}”` : "";
      return `Transferred by ${sayActor(data, names)} to ${sayPlace(data["to"] as Data, names)}${forced}${reason}`;
    }
    case "conversation.unanswered":
      return `Given out ${String(data["lapses"])} times without an answer: it waits for somebody who claims it`;
    case "message.received":
      return data["kind"] === "text" ? "The customer wrote" : `The customer sent: ${String(data["kind"])}`;
    case "message.requested":
      if (typeof data["automatic"] === "string") return `Said automatically: ${AUTOMATIC[data["automatic"]] ?? ""}`;
      return data["kind"] === "read" ? null : `${capitalise(sayActor(data, names))} wrote`;
    case "message.failed":
      return `A message failed: ${String((data["error"] as Data)["message"])}`;
    case "message.unconfirmed":
      return "Meta gave no answer about a message: whether it arrived is not known";
    case "conversation.expiring":
      return `Expires in ${String(data["minutesBefore"])} minutes unless the customer writes`;
    case "conversation.expired":
      return "Expired: 24 hours passed without the customer";
    case "conversation.accepted":
      return `Accepted by ${names.agent(data["agentId"])}`;
    case "conversation.joined":
      return "Goes on in another conversation: the customer is one that was known already";
    case "conversation.reopened":
      return `Opened by a template that ${names.agent(data["agentId"])} sent`;
    case "conversation.started":
      return `${capitalise(sayActor(data, names))} wrote first, for ${names.agent(data["agentId"])}`;
    case "conversation.failed":
      return "Over: Meta refused the template that opened it";
    case "conversation.closed":
      return `${data["how"] === "finalised" ? "Finalised" : "Closed"}${data["reason"] === "spam" ? " as spam" : ""} by ${sayActor(data, names)}`;
    case "ticket.proposed":
      return `Ticket ${String(data["ticketNumber"])} proposed by ${sayActor(data, names)}`;
    case "ticket.confirmed":
      return `Ticket ${String(data["ticketNumber"])} confirmed by ${sayActor(data, names)}`;
    case "ticket.rejected":
      return `Ticket ${String(data["ticketNumber"])} rejected by ${sayActor(data, names)}`;
    default:
      return null;
  }
}

function describeAssignment(data: Data, names: Names): string {
  const { rule, candidates, leftOut, isCut } = data["reason"] as Reason;
  const said = `Given to ${names.agent(data["agentId"])}, ${RULES[rule] ?? rule}, after ${sayDuration(Number(data["waitedMs"]))}`;
  const others = candidates.filter((id) => id !== data["agentId"]).map((id) => names.agent(id));
  const next = others.length === 0 ? "" : `. Next in turn: ${others.join(", ")}`;
  const left = leftOut.map(({ agentId, why }) => `${names.agent(agentId)} (${WHY_NOT[why] ?? why})`);
  const more = isCut === true ? ". There may have been more" : "";
  return `${said}${next}${left.length === 0 ? "" : `. Passed over: ${left.join(", ")}`}${more}`;
}

/** Explains why a conversation still waits, and what would end it. */
export function describeWaiting(waiting: WhyWaiting, names: Names): string {
  const { distribution, isHeldBack, members, outsideHours, position } = waiting;
  if (outsideHours !== null) return `Number ${position} in the queue. It waits ${sayOutsideHours(outsideHours)}.`;
  if (isHeldBack) return `Number ${position} in the queue. Nobody who got it answered: somebody must claim it.`;
  if (distribution === "manual") return `Number ${position} in the queue. It waits until somebody claims it.`;
  const able = members.filter(({ why }) => why === "eligible").length;
  if (able > 0) return `Number ${position} in the queue. It will be given out in a moment.`;
  const said = members.map(({ agentId, why }) => `${names.agent(agentId)} (${WHY_NOT[why] ?? why})`);
  const who = said.length === 0 ? "The group has no members" : said.join(", ");
  return `Number ${position} in the queue. Nobody can take it now: ${who}.`;
}

/** Says until when a group does not work. */
export function sayOutsideHours({ until }: NonNullable<WhyWaiting["outsideHours"]>): string {
  return until === null ? "outside business hours" : `outside business hours until ${sayMinute(until)}`;
}

const sayMinute = (instant: string) => `${instant.slice(0, 16).replace("T", " ")} UTC`;

export function sayActor(data: Data, names: Names): string {
  const actor = (data["actor"] ?? {}) as { kind?: string; agentId?: string; name?: string };
  if (actor.kind === "agent") return names.agent(actor.agentId);
  return actor.kind === "service" ? `the program “${actor.name ?? ""}”` : "a rule of Turno";
}

function sayPlace(place: Data, names: Names): string {
  return place["agentId"] === null ? `the queue of ${names.group(place["groupId"])}` : names.agent(place["agentId"]);
}

const capitalise = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
