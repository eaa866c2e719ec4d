import type { CommandAnswer } from "@turno/contracts";
import type { Role, Scope, ScopeName, TemplateComponent } from "@turno/conversation";
import type { ConversationView } from "../lists/conversation-row.ts";
import type { MessageView } from "../lists/message-rows.ts";
import type { TimelineEntry } from "../lists/read-conversation.ts";
import type { Answer, Client } from "./client.ts";
import type { Form } from "./forms.ts";

export type ShownGroup = CommandAnswer<"list-groups">["groups"][number];
export type ShownWaiting = CommandAnswer<"list-queue">["waiting"][number];
export type ShownAction = CommandAnswer<"read-ticket">["actions"][number];
export type ShownTicket = CommandAnswer<"search-tickets">["tickets"][number];
export type ShownTemplate = Omit<CommandAnswer<"list-templates">["templates"][number], "components"> & {
  components: TemplateComponent[];
};
export type WhyWaiting = CommandAnswer<"explain-waiting">;

export interface Me {
  agentId: string;
  role: Role;
  /** In which groups the API says that one may do what. */
  scopes: Record<ScopeName, Scope>;
}

/** A request that was refused: shown in its form, with what was filled in. */
export interface Refused {
  form: string;
  detail: string;
  status: number;
  /** Whether it is over. Else the form keeps its key, so that sending it again does nothing twice. */
  isOutcomeKnown: boolean;
  given: Form;
}

/** The open conversation, with everything that the page shows of it. */
export interface ShownConversation {
  conversation: ConversationView;
  /** Oldest first. */
  messages: MessageView[];
  /** Every group, also those of which the asker is no member. */
  receivers: { id: string; name: string }[];
  hasOlder: boolean;
  ticket: ShownTicket | null;
  /** Null if nobody searched. */
  found: ShownTicket[] | null;
  /** Approved ones; null if nobody asks for them. */
  templates: ShownTemplate[] | null;
  /** Since when and why the list of templates cannot be read; null where it can. */
  unreadTemplates: string | null;
  history: TimelineEntry[] | null;
  whyWaiting: WhyWaiting | null;
}

/** A ticket with its latest actions, newest first. */
export interface TicketScreen {
  ticket: ShownTicket;
  actions: ShownAction[];
}

/** The screen from which somebody writes to a customer first. */
export interface FirstScreen {
  channels: { id: string; name: string }[];
  /** Of the chosen channel, approved ones; null while none is chosen. */
  templates: ShownTemplate[] | null;
  /** Since when and why the list of templates cannot be read; null where it can. */
  unreadTemplates: string | null;
}

/** What a page is asked to show beside the lists. */
export interface Shown {
  /** Whether it is the screen from which one writes first. */
  isFirst: boolean;
  conversationId: string | null;
  /** The number of the ticket whose screen is asked for. */
  ticket: string | null;
}

export interface Page {
  me: Me;
  groups: ShownGroup[];
  queues: Map<string, ShownWaiting[]>;
  /** By group that does not work now: until when. */
  outsideHours: Map<string, NonNullable<WhyWaiting["outsideHours"]>>;
  active: ConversationView[];
  expired: ConversationView[];
  opened: ShownConversation | null;
  screen: TicketScreen | null;
  first: FirstScreen | null;
  /** What the address asks for beside the conversation. */
  query: Form;
  refused: Refused | null;
}

const MESSAGES_SHOWN = 50;
const ALL_MESSAGES_SHOWN = 200;
const QUEUE_SHOWN = 20;

/** Reads everything that a page shows from the API, as the caller; or returns the API's reason why there is no page. */
export async function readPage(
  client: Client,
  asked: Shown & {
    query: Form;
    refused: Refused | null;
    /** Returns whether it is time to say again that the agent is there. */
    isBeatDue: (agentId: string) => boolean;
  },
): Promise<Page | Extract<Answer, { isOk: false }>> {
  const answer = await client.call("GET", "/v1/me");
  if (!answer.isOk) return answer;
  const me = answer.body as unknown as Me;
  const [groups, active, expired, opened, screen, first] = await Promise.all([
    client.call("GET", "/v1/groups"),
    client.call("GET", "/v1/conversations?state=active&limit=100"),
    client.call("GET", "/v1/conversations?state=expired&limit=50"),
    asked.conversationId === null ? null : readOpened(client, asked.conversationId, asked.query),
    asked.ticket === null ? null : client.call("GET", `/v1/tickets/${asked.ticket}`),
    asked.isFirst ? readFirst(client, asked.query["channel"] ?? "") : null,
    // An agent who looks at the page is present, for groups that ask for it.
    asked.isBeatDue(me.agentId) ? client.call("POST", `/v1/agents/${me.agentId}/heartbeat`, {}) : null,
  ]);
  const known = listOf<ShownGroup>(groups, "groups");
  const { queues, outsideHours } = await readQueues(client, known);
  const isGone = opened !== null && "isOk" in opened;
  const unread = isGone ? opened : screen?.isOk === false ? screen : client.failure;
  return {
    me,
    groups: known,
    queues,
    outsideHours,
    active: listOf<ConversationView>(active, "conversations"),
    expired: listOf<ConversationView>(expired, "conversations"),
    opened: isGone ? null : opened,
    screen: screen?.isOk === true ? (screen.body as unknown as TicketScreen) : null,
    first,
    query: asked.query,
    refused:
      asked.refused ??
      (unread === null
        ? null
        : { form: "", given: {}, detail: unread.detail, status: unread.status, isOutcomeKnown: true }),
  };
}

async function readQueues(
  client: Client,
  groups: readonly ShownGroup[],
): Promise<Pick<Page, "queues" | "outsideHours">> {
  const busy = groups.filter(({ waiting }) => waiting > 0);
  const answers = await Promise.all(
    busy.map(async ({ id }) => {
      const answer = await client.call("GET", `/v1/groups/${id}/queue?limit=${QUEUE_SHOWN}`);
      const outside = answer.isOk ? (answer.body["outsideHours"] as WhyWaiting["outsideHours"]) : null;
      return { id, outside, waiting: listOf<ShownWaiting>(answer, "waiting") };
    }),
  );
  return {
    queues: new Map(answers.map(({ id, waiting }) => [id, waiting])),
    outsideHours: new Map(answers.flatMap(({ id, outside }) => (outside === null ? [] : [[id, outside]]))),
  };
}

async function readOpened(
  client: Client,
  id: string,
  query: Form,
): Promise<ShownConversation | Extract<Answer, { isOk: false }>> {
  const path = `/v1/conversations/${id}`;
  const answer = await client.call("GET", path);
  if (!answer.isOk) return answer;
  const conversation = answer.body as unknown as ConversationView;
  const { actions, ticket, channel, state } = conversation;
  const limit = query["messages"] === "all" ? ALL_MESSAGES_SHOWN : MESSAGES_SHOWN;
  const { find } = query;
  const isTemplateNext = actions.includes("template") && !actions.includes("send");
  const wants = (isWanted: boolean, wanted: string) => (isWanted ? client.call("GET", wanted) : undefined);
  const [messages, receivers, linked, found, templates, history, whyWaiting] = await Promise.all([
    client.call("GET", `${path}/messages?limit=${limit}`),
    wants(actions.includes("transfer"), "/v1/receivers"),
    wants(ticket !== null, `/v1/tickets/${ticket?.id ?? ""}`),
    wants(find !== undefined, `/v1/tickets?limit=10&text=${encodeURIComponent(find ?? "")}`),
    wants(isTemplateNext || query["show"] === "template", `/v1/channels/${channel.id}/templates`),
    wants(query["show"] === "history", `${path}/timeline?limit=200`),
    wants(state === "queued", `${path}/waiting`),
  ]);
  return {
    conversation,
    messages: listOf<MessageView>(messages, "messages").toReversed(),
    receivers: receivers === undefined ? [] : listOf(receivers, "groups"),
    hasOlder: messages.isOk && messages.body["next"] !== null && limit === MESSAGES_SHOWN,
    ticket: linked?.isOk === true ? (linked.body["ticket"] as ShownTicket) : null,
    found: found === undefined ? null : listOf<ShownTicket>(found, "tickets"),
    templates: templates === undefined ? null : usableOf(templates),
    unreadTemplates: templates === undefined ? null : whyUnread(templates),
    history: history === undefined ? null : listOf<TimelineEntry>(history, "entries"),
    whyWaiting: whyWaiting?.isOk === true ? (whyWaiting.body as unknown as WhyWaiting) : null,
  };
}

async function readFirst(client: Client, channelId: string): Promise<FirstScreen> {
  const channels = listOf<FirstScreen["channels"][number]>(await client.call("GET", "/v1/channels"), "channels");
  const isKnown = channels.some(({ id }) => id === channelId);
  const listed = isKnown ? await client.call("GET", `/v1/channels/${channelId}/templates`) : null;
  if (listed === null) return { channels, templates: null, unreadTemplates: null };
  return { channels, templates: usableOf(listed), unreadTemplates: whyUnread(listed) };
}

function whyUnread(answer: Answer): string | null {
  if (!answer.isOk) return null;
  const { list } = answer.body as unknown as Pick<CommandAnswer<"list-templates">, "list">;
  if (list === null) return "not read yet";
  return list.failedSince === null ? null : `not read since ${list.failedSince}: ${list.failure ?? ""}`;
}

const usableOf = (answer: Answer) =>
  listOf<ShownTemplate>(answer, "templates").filter(({ status }) => status === "APPROVED");

const listOf = <T>(answer: Answer, name: string): T[] =>
  answer.isOk ? ((answer.body[name] as T[] | undefined) ?? []) : [];
