import { receive, type Inbound } from "@turno/conversation";
import type { EventMemory, Sql, Transaction } from "@turno/database";
import { applyLines, type LaneBatch, type LaneTransaction } from "@turno/stateful-service";
import { lockIdleQueues } from "../assignment/assign-opened.ts";
import type { Turnstile } from "../turnstile.ts";
import { lookUpKnownState } from "./look-up-known-state.ts";
import { openConversations, type Opened } from "./open-conversations.ts";
import { writeEffects } from "./write-effects.ts";

interface InboundOutcome extends Opened {
  applied: number;
  /** Updates that had taken effect before, or that the batch holds twice. */
  repeated: number;
}

interface InboundBatch extends LaneBatch<Inbound> {
  /** Gets the events, so that the relay of this process need not read them. */
  memory?: EventMemory;
  /**
   * Shared by batches that are applied at once: they give out what opens one after the other, because each would find the
   * groups locked by the other. Who is in waits for nobody who waits outside: what both may write was written before.
   */
  openings?: Turnstile;
}

/** Applies a batch of the message lane in one transaction. What cannot take effect is set aside in it. */
export const applyInbound = (sql: Sql, batch: InboundBatch) =>
  applyLines(sql, batch, (tx, items, lane) => applyUpdates(tx, items, { batch, lane }));

async function applyUpdates(
  tx: Transaction,
  items: readonly Inbound[],
  { batch, lane }: { batch: InboundBatch; lane: LaneTransaction },
): Promise<InboundOutcome> {
  const updates = new Map<string, Inbound>();
  for (const item of items) if (!updates.has(item.key)) updates.set(item.key, item);
  const { known, knownKeys, now } = await lane.begin(() => lookUpKnownState(tx, [...updates.values()]));
  const fresh = [...updates.values()].filter(({ key }) => !knownKeys.has(key));

  const { createId, memory } = batch;
  const effects = receive(fresh, known, { createId, now });
  const writing = Promise.all([
    writeEffects(tx, effects, now, memory),
    lane.setAside(effects.withoutChannel, UNKNOWN_CHANNEL),
  ]);
  // The locks come last in the round trip: they are held while conversations are written, and no longer.
  const locking =
    effects.newConversations.length === 0
      ? []
      : enter(batch.openings, lane).then(() => lockIdleQueues(tx, effects.newConversations));
  // Nothing may be sent any more when the transaction has failed.
  await Promise.allSettled([writing, locking]);
  await writing;
  const opened = await openConversations(tx, effects.newConversations, await locking, { createId, now, memory });
  return { ...opened, applied: fresh.length - effects.withoutChannel.length, repeated: items.length - fresh.length };
}

const UNKNOWN_CHANNEL =
  "unknown-channel: no channel has this phone number id; configure it, then retry the dead letter";

/** Enters until the transaction has ended. */
async function enter(openings: Turnstile | undefined, lane: LaneTransaction): Promise<void> {
  const entering = openings?.enter();
  lane.onEnd(() => void entering?.then((leave) => leave()));
  await entering;
}
