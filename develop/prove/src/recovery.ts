import { setTimeout as pause } from "node:timers/promises";
import type { Load } from "./load.ts";
import type { ProveStage } from "./stage.ts";

const LOOK_EVERY_MS = 50;
const LAG_MS_MAX = 1_000;
/** A lag that is small for an instant only is none: it must stay small for so long. */
const HOLDS_MS = 1_000;
const WAIT_MS_MAX = 60_000;
const IDS_AT_ONCE = 2_000;

/**
 * Resolves with how long it took, in ms, until messages had taken effect and their events were published within a second,
 * and went on doing so; Infinity where that did not come within a minute.
 */
export async function watchRecovery(stage: ProveStage, load: Load): Promise<number> {
  const startedAt = performance.now();
  const lagOf = createLagMeter(stage, load);
  let goodSince: number | null = null;
  for (;;) {
    const now = performance.now();
    const lag = await lagOf();
    if (lag >= LAG_MS_MAX) goodSince = null;
    else goodSince ??= now;
    if (goodSince !== null && performance.now() - goodSince >= HOLDS_MS) return goodSince - startedAt;
    if (now - startedAt > WAIT_MS_MAX) return Infinity;
    await pause(LOOK_EVERY_MS);
  }
}

/** The age of the oldest message without an effect, and of the oldest event that is not published, whichever is more. */
function createLagMeter(stage: ProveStage, load: Load): () => Promise<number> {
  const done = new Set<string>();
  const growth: { at: number; position: number }[] = [];
  return async () => {
    try {
      const unpublishedSince = await readUnpublished(stage, growth);
      const unappliedSince = await readUnapplied(stage, load, done);
      const now = performance.now();
      return Math.max(now - unpublishedSince, now - unappliedSince);
    } catch {
      // The database does not answer: nothing takes effect.
      return Infinity;
    }
  };
}

async function readUnapplied({ sql }: ProveStage, load: Load, done: Set<string>): Promise<number> {
  for (;;) {
    const oldest: string[] = [];
    for (const id of load.writtenAt.keys()) {
      if (!done.has(id)) oldest.push(id);
      if (oldest.length === IDS_AT_ONCE) break;
    }
    const keys = oldest.map((id) => `msg:${id}`);
    const rows = await sql<{ key: string }[]>`select key from messages where key = any(${keys}::text[])`;
    for (const { key } of rows) done.add(key.slice(4));
    const first = oldest.find((id) => !done.has(id));
    if (first !== undefined) return load.writtenAt.get(first) ?? 0;
    if (oldest.length < IDS_AT_ONCE) return performance.now();
  }
}

/** The events' table has no clock of ours: an event is as old as the look that first saw its position taken. */
async function readUnpublished({ sql }: ProveStage, growth: { at: number; position: number }[]): Promise<number> {
  const at = performance.now();
  const [row] = await sql<{ oldest: number | null; newest: number }[]>`
    select (select min(position) from outbox) as oldest, (select last_value from events_position) as newest`;
  growth.push({ at, position: row?.newest ?? 0 });
  const oldest = row?.oldest ?? null;
  if (oldest === null) return performance.now();
  return growth.find(({ position }) => position >= oldest)?.at ?? at;
}
