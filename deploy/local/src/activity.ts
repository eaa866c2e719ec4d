import { envelopeSchema, EVENTS, EVENT_SUBJECTS, type CommandAnswer } from "@turno/contracts";
import { requestCommand, type Connection } from "@turno/messaging";
import { formatDuration } from "./format.ts";

export type Group = CommandAnswer<"list-groups">["groups"][number];

/** What the stack has done since this start, and how it stands. */
export interface Activity {
  opened: number;
  assigned: number;
  /** How long the last assigned conversations had waited, newest last, ms. */
  waitsMs: number[];
  assignedByAgent: Map<string, number>;
  groups: Group[];
  lagRecords: number | null;
}

export interface ActivityFeed {
  readonly activity: Activity;
  /** Asks the router how it stands. A router that is away leaves what was last known. */
  refresh(routerUrl: string): Promise<void>;
  stop(): void;
}

const WAITS_KEPT_MAX = 500;
const LAG_PATTERN = /^turno_router_lag_records\{[^}]*\} ([0-9.e+]+)$/m;

export function emptyActivity(): Activity {
  return {
    opened: 0,
    assigned: 0,
    waitsMs: [],
    assignedByAgent: new Map(),
    groups: [],
    lagRecords: null,
  };
}

function nameOf(activity: Activity, agentId: string): string {
  for (const group of activity.groups) {
    const agent = group.agents.find(({ id }) => id === agentId);
    if (agent !== undefined) return agent.name;
  }
  return agentId;
}

function groupNameOf(activity: Activity, groupId: string): string {
  return activity.groups.find(({ id }) => id === groupId)?.name ?? groupId;
}

/** Counts one event, and gives the line that tells of it, where it is worth one. */
export function countEvent(activity: Activity, type: string, data: unknown): string | null {
  switch (type) {
    case "conversation.opened":
      activity.opened += 1;
      return null;
    case "conversation.assigned": {
      const { agentId, conversationId, waitedMs, reason } = EVENTS[type].data.parse(data);
      activity.assigned += 1;
      activity.assignedByAgent.set(agentId, (activity.assignedByAgent.get(agentId) ?? 0) + 1);
      activity.waitsMs.push(waitedMs);
      if (activity.waitsMs.length > WAITS_KEPT_MAX) activity.waitsMs.shift();
      return `${conversationId} → ${nameOf(activity, agentId)}  (${reason.rule}, waited ${formatDuration(waitedMs)})`;
    }
    case "conversation.transferred": {
      const { conversationId, to } = EVENTS[type].data.parse(data);
      const where =
        to.agentId === null ? `the queue of ${groupNameOf(activity, to.groupId)}` : nameOf(activity, to.agentId);
      return `${conversationId} transferred to ${where}`;
    }
    case "agent.updated": {
      const { agentId, availability } = EVENTS[type].data.parse(data);
      return `${nameOf(activity, agentId)} is ${availability}`;
    }
    default:
      return null;
  }
}

async function readLag(routerUrl: string): Promise<number | null> {
  // The gauge is set when readiness is asked for.
  await fetch(`${routerUrl}/health/ready`, { signal: AbortSignal.timeout(1000) });
  const metrics = await fetch(`${routerUrl}/metrics`, { signal: AbortSignal.timeout(1000) });
  const lag = LAG_PATTERN.exec(await metrics.text())?.[1];
  return lag === undefined ? null : Number(lag);
}

/** Listens to the events that every other service gets too, and hands each line worth telling to `onLine`. */
export function followActivity(connection: Connection, onLine: (line: string) => void): ActivityFeed {
  const activity = emptyActivity();
  const subscription = connection.nats.subscribe(EVENT_SUBJECTS, {
    callback: (error, message) => {
      if (error !== null) return;
      const envelope = envelopeSchema.safeParse(JSON.parse(message.string()));
      if (!envelope.success) return;
      const line = countEvent(activity, envelope.data.type, envelope.data.data);
      if (line !== null) onLine(line);
    },
  });
  return {
    activity,
    refresh: async (routerUrl) => {
      const actor = { kind: "service", name: "local-panel" } as const;
      const [reply, lag] = await Promise.allSettled([
        requestCommand(connection, "list-groups", { actor }, { timeoutMs: 2000 }),
        readLag(routerUrl),
      ]);
      if (reply.status === "fulfilled" && "ok" in reply.value) activity.groups = reply.value.groups;
      activity.lagRecords = lag.status === "fulfilled" ? lag.value : null;
    },
    stop: () => subscription.unsubscribe(),
  };
}
