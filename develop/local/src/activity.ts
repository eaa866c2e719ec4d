import {
  envelopeSchema,
  EVENTS,
  EVENT_SUBJECTS,
  OPEN_USER,
  type CommandAnswer,
  type EventData,
  type EventType,
} from "@turno/contracts";
import { requestCommand, type Connection } from "@turno/messaging";
import { formatDuration } from "@turno/turno/terminal/format-duration";

export type GroupStanding = CommandAnswer<"list-groups">["groups"][number];
type Circuit = CommandAnswer<"list-circuits">["circuits"][number];

const COUNTED = [
  "conversation.opened",
  "conversation.assigned",
  "conversation.expiring",
  "conversation.expired",
  "conversation.failed",
  "message.requested",
  "message.delivered",
  "message.read",
  "message.failed",
  "message.unconfirmed",
] as const satisfies EventType[];

/** What the stack has done since this start, and how it stands. */
export interface Activity {
  counts: Record<(typeof COUNTED)[number], number>;
  closed: number;
  finalised: number;
  /** Conversations that a template opened: `true` once the customer has answered. */
  reopened: Map<string, boolean>;
  /** How long the last assigned conversations had waited, newest last, ms of the rules' clock. */
  waitsMs: number[];
  refused: number;
  groups: GroupStanding[];
  circuits: Circuit[];
  lagRecords: number | null;
}

/** What is told of an event: a line, and whether it is one of the rare ones that a burst must not hide. */
export interface Told {
  line: string;
  isRare: boolean;
}

export interface ActivityFeed {
  readonly activity: Activity;
  /** Asks the services how they stand. One that is away leaves what was last known. */
  refresh(routerUrl: string): Promise<void>;
  stop(): void;
}

const WAITS_KEPT_MAX = 500;
const LAG_PATTERN = /^turno_router_lag_records\{[^}]*\} ([0-9.e+]+)$/m;
const ACTOR = { kind: "service", name: OPEN_USER } as const;

export function emptyActivity(): Activity {
  return {
    counts: Object.fromEntries(COUNTED.map((type) => [type, 0])) as Activity["counts"],
    closed: 0,
    finalised: 0,
    reopened: new Map(),
    waitsMs: [],
    refused: 0,
    groups: [],
    circuits: [],
    lagRecords: null,
  };
}

function nameOf(activity: Activity, agentId: string | null): string {
  if (agentId === null) return "nobody";
  for (const group of activity.groups) {
    const agent = group.agents.find(({ id }) => id === agentId);
    if (agent !== undefined) return agent.name;
  }
  return agentId;
}

function groupNameOf(activity: Activity, groupId: string): string {
  return activity.groups.find(({ id }) => id === groupId)?.name ?? groupId;
}

const shortId = (id: string) => `…${id.slice(-6)}`;
const often = (line: string): Told => ({ line, isRare: false });
const rare = (line: string): Told => ({ line, isRare: true });

type Tellers = { [T in EventType]?: (activity: Activity, data: EventData<T>) => Told | null };

const TELLERS: Tellers = {
  "conversation.assigned": (activity, { conversationId, agentId, waitedMs, reason }) => {
    activity.waitsMs.push(waitedMs);
    if (activity.waitsMs.length > WAITS_KEPT_MAX) activity.waitsMs.shift();
    const waited = formatDuration(waitedMs);
    return often(`${conversationId} → ${nameOf(activity, agentId)}  (${reason.rule}, waited ${waited})`);
  },
  "conversation.transferred": (activity, { conversationId, to }) => {
    const group = groupNameOf(activity, to.groupId);
    return often(
      `${conversationId} transferred to ${to.agentId === null ? `the queue of ${group}` : nameOf(activity, to.agentId)}`,
    );
  },
  "message.received": (activity, { conversationId }) => {
    if (activity.reopened.get(conversationId) !== false) return null;
    activity.reopened.set(conversationId, true);
    return rare(`${conversationId} the customer answered the template`);
  },
  "conversation.expired": (activity, { conversationId, agentId, ticketNumber }) => {
    const ticket = ticketNumber === null ? "" : `, ticket ${ticketNumber}`;
    const whose = agentId === null ? "in the queue" : `of ${nameOf(activity, agentId)}`;
    return rare(`${conversationId} expired, ${whose}${ticket}`);
  },
  "conversation.reopened": (activity, { conversationId, agentId, continuesConversationId }) => {
    activity.reopened.set(conversationId, false);
    const from = shortId(continuesConversationId);
    return rare(`${conversationId} ${nameOf(activity, agentId)}'s template reopens ${from}`);
  },
  "conversation.failed": (_activity, { conversationId, continuesConversationId }) =>
    rare(
      `${conversationId} failed with its template${continuesConversationId === undefined ? "" : `; ${shortId(continuesConversationId)} is free`}`,
    ),
  "conversation.closed": (activity, { conversationId, how, agentId, ticketNumber }) => {
    activity[how] += 1;
    const ticket = ticketNumber === null ? "" : `, ticket ${ticketNumber}`;
    return often(`${conversationId} ${how} by ${nameOf(activity, agentId)}${ticket}`);
  },
  "message.failed": (_activity, { conversationId, error }) =>
    rare(`${conversationId} a message failed: ${error.code ?? ""} (class ${error.class})`),
  "message.unconfirmed": (_activity, { conversationId }) =>
    rare(`${conversationId} a message's outcome is unknown; it is not sent again`),
  "agent.updated": (activity, { agentId, availability }) => rare(`${nameOf(activity, agentId)} is ${availability}`),
};

/** Counts one event, and gives the line that tells of it, where it is worth one. */
export function countEvent(activity: Activity, type: string, data: unknown): Told | null {
  const counted = COUNTED.find((one) => one === type);
  if (counted !== undefined) activity.counts[counted] += 1;
  const tell = TELLERS[type as EventType] as ((activity: Activity, data: unknown) => Told | null) | undefined;
  return tell === undefined ? null : tell(activity, EVENTS[type as EventType].data.parse(data));
}

async function readLag(routerUrl: string): Promise<number | null> {
  const metrics = await fetch(`${routerUrl}/metrics`, { signal: AbortSignal.timeout(1000) });
  const lag = LAG_PATTERN.exec(await metrics.text())?.[1];
  return lag === undefined ? null : Number(lag);
}

/** Listens to the events that every other service gets too, and hands what is worth telling to `onTold`. */
export function followActivity(connection: Connection, onTold: (told: Told) => void): ActivityFeed {
  const activity = emptyActivity();
  const subscription = connection.nats.subscribe(EVENT_SUBJECTS, {
    callback: (error, message) => {
      if (error !== null) return;
      const envelope = envelopeSchema.safeParse(JSON.parse(message.string()));
      if (!envelope.success) return;
      const told = countEvent(activity, envelope.data.type, envelope.data.data);
      if (told !== null) onTold(told);
    },
  });
  return {
    activity,
    refresh: async (routerUrl) => {
      const [groups, circuits, lag] = await Promise.allSettled([
        requestCommand(connection, "list-groups", { actor: ACTOR }, { timeoutMs: 2000 }),
        requestCommand(connection, "list-circuits", { actor: ACTOR }, { timeoutMs: 2000 }),
        readLag(routerUrl),
      ]);
      if (groups.status === "fulfilled" && "ok" in groups.value) activity.groups = groups.value.groups;
      if (circuits.status === "fulfilled" && "ok" in circuits.value) activity.circuits = circuits.value.circuits;
      activity.lagRecords = lag.status === "fulfilled" ? lag.value : null;
    },
    stop: () => subscription.unsubscribe(),
  };
}
