import { between } from "@turno/simulator";
import { setTimeout as pause } from "node:timers/promises";
import type { Fault } from "../fault.ts";
import { shiftHostClock } from "../stage.ts";

const HOUR_MS = 3_600_000;

/** The clock of the database's host jumps, and later jumps back. */
const jump = (name: string, byMs: number): Fault => ({
  name,
  excuses: [],
  play: async ({ stage, random }) => {
    await shiftHostClock(stage.sql, byMs);
    await pause(between(random, 1_000, 5_000));
    await shiftHostClock(stage.sql, 0);
  },
});

/** The clock of the host of one or more services jumps, and later jumps back. */
const jumpOfHosts = (name: string, byMs: number): Fault => ({
  name,
  excuses: [],
  play: async ({ stage: { parts }, random }) => {
    const hit = random() < 0.3 ? parts : parts.filter(() => random() < 0.3);
    await Promise.all(hit.map((part) => part.shiftClock(byMs)));
    await pause(between(random, 1_000, 5_000));
    await Promise.all(hit.map((part) => part.shiftClock(0)));
  },
});

export const CLOCK_FAULTS: readonly Fault[] = [
  jump("clock of Postgres 25 h ahead", 25 * HOUR_MS),
  jump("clock of Postgres 1 h back", -HOUR_MS),
];

export const HOST_CLOCK_FAULTS: readonly Fault[] = [
  jumpOfHosts("clock of the services' hosts 25 h ahead", 25 * HOUR_MS),
  jumpOfHosts("clock of the services' hosts 1 h back", -HOUR_MS),
];
