import type { SimulatorStats } from "@turno/simulator";
import type { Activity, Group } from "./activity.ts";
import { formatDuration } from "./format.ts";

export type Traffic = Pick<SimulatorStats, "updatesAccepted" | "updates" | "p50Ms" | "p99Ms">;

function median(values: readonly number[]): number | null {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? null;
}

function describeWaiting(group: Group): string {
  const longest = group.longestWaitMs === null ? "" : `, longest ${formatDuration(group.longestWaitMs)}`;
  return `${group.waiting} waiting${longest}`;
}

function describeWebhooks(traffic: Traffic | null): string {
  if (traffic === null) return "no simulated traffic (--rate 0)";
  const { updatesAccepted, updates, p50Ms, p99Ms } = traffic;
  const open = updates > updatesAccepted ? `, ${updates - updatesAccepted} not yet answered 200` : "";
  return `${updatesAccepted} answered 200${open}   p50 ${p50Ms.toFixed(1)} ms   p99 ${p99Ms.toFixed(1)} ms`;
}

function describeConversations(activity: Activity): string {
  const waited = median(activity.waitsMs);
  const medianText = waited === null ? "" : `   waited ${formatDuration(waited)} at the median`;
  const lag = activity.lagRecords === null ? "unknown (router away)" : `${activity.lagRecords} records`;
  return `${activity.opened} opened   ${activity.assigned} assigned${medianText}   lag ${lag}`;
}

/** The lines of the panel: what came in, what became of it, and each group with its agents. */
export function renderPanel(activity: Activity, traffic: Traffic | null, runningMs: number): string[] {
  const lines = [
    `  running         ${formatDuration(runningMs)}`,
    `  webhooks        ${describeWebhooks(traffic)}`,
    `  conversations   ${describeConversations(activity)}`,
  ];
  for (const group of activity.groups) {
    lines.push(`  ${group.name.padEnd(15)} ${group.distribution}, ${describeWaiting(group)}`);
    const agents = group.agents.map((agent) => {
      const now = activity.assignedByAgent.get(agent.id) ?? 0;
      const away = agent.availability === "away" ? " away" : "";
      return `${agent.name} ${agent.active}${now > 0 ? ` (+${now})` : ""}${away}`;
    });
    lines.push(`                  ${agents.join("   ")}`);
  }
  return lines;
}

/** The same in one line, for where nothing can be redrawn. */
export function renderSummary(activity: Activity, traffic: Traffic | null): string {
  const waiting = activity.groups.map((group) => `${group.name} ${describeWaiting(group)}`);
  return `webhooks ${describeWebhooks(traffic)} | ${describeConversations(activity)} | ${waiting.join(" | ")}`;
}
