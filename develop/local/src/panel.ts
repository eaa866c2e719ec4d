import type { SimulatorStats } from "@turno/simulator";
import { formatDuration } from "@turno/turno/terminal/format-duration";
import type { Activity, GroupStanding } from "./activity.ts";
import { formatInstant } from "./format.ts";

export type ShownTraffic = Pick<SimulatorStats, "updatesAccepted" | "updates" | "p99Ms">;

function median(values: readonly number[]): number | null {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? null;
}

function describeWaiting(group: GroupStanding): string {
  const longest = group.longestWaitMs === null ? "" : `, longest ${formatDuration(group.longestWaitMs)}`;
  return `${group.waiting} waiting${longest}`;
}

function describeWebhooks({ updatesAccepted, updates, p99Ms }: ShownTraffic): string {
  const open = updates > updatesAccepted ? `, ${updates - updatesAccepted} not yet` : "";
  return `${updatesAccepted} answered 200${open}   p99 ${p99Ms.toFixed(1)} ms`;
}

function describeLag({ lagRecords }: Activity): string {
  return `lag ${lagRecords === null ? "unknown" : `${lagRecords} records`}`;
}

function describeConversations({ counts, closed, waitsMs }: Activity): string {
  const waited = median(waitsMs);
  const medianText = waited === null ? "" : `   waited ${formatDuration(waited)}`;
  return `${counts["conversation.opened"]} opened   ${counts["conversation.assigned"]} assigned   ${closed} closed${medianText}`;
}

function describeMessages({ counts }: Activity): string {
  return [
    `${counts["message.requested"]} asked`,
    `${counts["message.delivered"]} delivered`,
    `${counts["message.read"]} read`,
    `${counts["message.failed"]} failed`,
  ].join("   ");
}

function describeExpiry({ counts, finalised }: Activity): string {
  return `${counts["conversation.expiring"]} warned   ${counts["conversation.expired"]} expired   ${finalised} finalised`;
}

function describeTemplates({ counts, reopened }: Activity): string {
  const answered = [...reopened.values()].filter(Boolean).length;
  return `${reopened.size} reopened   ${answered} answered   ${counts["conversation.failed"]} failed`;
}

function describeSending({ circuits, counts, refused }: Activity): string {
  const [first] = circuits;
  if (first !== undefined) return `STOPPED for ${first.scope} ${first.key}: ${first.code} ${first.reason}`;
  return `on   ${counts["message.unconfirmed"]} of unknown outcome   ${refused} commands refused`;
}

function describeGroup(group: GroupStanding): string[] {
  const agents = group.agents.map(({ name, active, capacity, availability }) => {
    const load = capacity === null ? String(active) : `${active}/${capacity}`;
    return `${name} ${load}${availability === "away" ? " away" : ""}`;
  });
  return [
    `  ${group.name.padEnd(14)} ${group.distribution}, ${describeWaiting(group)}`,
    `                 ${agents.join("   ")}`,
  ];
}

/** Fits 80 columns and 24 rows: what came in, what became of it, what went out, and each group with its agents. */
export function renderPanel(
  activity: Activity,
  traffic: ShownTraffic,
  clock: { nowMs: number; speed: number },
): string[] {
  const pace = clock.speed === 1 ? "real time" : `runs ${clock.speed} times as fast as real time`;
  const lines = [
    `  clock          ${formatInstant(clock.nowMs)}   ${pace}`,
    `  webhooks       ${describeWebhooks(traffic)}   ${describeLag(activity)}`,
    `  conversations  ${describeConversations(activity)}`,
    `  messages       ${describeMessages(activity)}`,
    `  24 hours       ${describeExpiry(activity)}`,
    `  templates      ${describeTemplates(activity)}`,
    `  sending        ${describeSending(activity)}`,
  ];
  return [...lines, ...activity.groups.flatMap(describeGroup)];
}

/** The same in one line, for where nothing can be redrawn. */
export function renderSummary(activity: Activity, traffic: ShownTraffic): string {
  const waiting = activity.groups.map((group) => `${group.name} ${describeWaiting(group)}`);
  return [
    `webhooks ${describeWebhooks(traffic)}`,
    describeConversations(activity),
    describeMessages(activity),
    describeExpiry(activity),
    describeTemplates(activity),
    ...waiting,
    describeLag(activity),
  ].join(" | ");
}
