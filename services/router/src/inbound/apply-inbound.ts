import { receive, type Inbound, type JoinFirst } from "@turno/conversation";
import { movePositions, type EventMemory, type Sql, type Transaction } from "@turno/database";
import { Failure } from "@turno/runtime";
import { applyLines, type LaneBatch, type LaneTransaction, type WithoutEffect } from "@turno/stateful-service";
import { lockIdleQueues } from "../assignment/assign-opened.ts";
import type { Turnstile } from "../turnstile.ts";
import { joinContacts } from "../contacts/join-contacts.ts";
import { lookUpKnownState } from "./look-up-known-state.ts";
import { noteWordLooks } from "./note-word-looks.ts";
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

/** Ends the transaction of a batch in which an update proves two contacts to be one. */
class JoinIsFirst extends Failure {
  override readonly retryable = false;
  readonly join: JoinFirst;
  constructor(join: JoinFirst) {
    super("two contacts are joined before this takes effect");
    this.join = join;
  }
}

/**
 * Applies a batch of the message lane in one transaction. What cannot take effect is set aside in it. Where an update proves
 * two contacts to be one, what comes before it takes effect in a transaction of its own, and they are joined in another;
 * the positions stay where they are until the whole batch has its effect, and each of these transactions has the fence.
 */
export async function applyInbound(sql: Sql, batch: InboundBatch): Promise<InboundOutcome & WithoutEffect> {
  const apply = (part: InboundBatch) =>
    applyLines(sql, part, (tx, items, lane) => applyUpdates(tx, items, { batch: part, lane }));
  for (;;) {
    try {
      return await apply(batch);
    } catch (error) {
      if (!(error instanceof JoinIsFirst)) throw error;
      const { before, ...join } = error.join;
      const moves = batch.moves.map(({ partition, from }) => ({ partition, from, to: from }));
      const part = { ...batch, moves };
      if (before.length === 0) await joinProven(sql, join, part);
      else {
        const { retriedId: _, ...first } = part;
        await apply({ ...first, items: before });
      }
    }
  }
}

function joinProven(sql: Sql, { contactIds, provenBy }: Omit<JoinFirst, "before">, batch: InboundBatch) {
  const { reader, moves, createId } = batch;
  const { kind, phoneNumberId } = provenBy;
  const because = kind === "identity-change" ? "change-notice" : "one-update";
  return joinContacts(sql, {
    contactIds,
    because: { because, phoneNumberId, actor: { kind: "system" } },
    createId,
    begin: async (tx) => {
      if (reader !== null) await movePositions(tx, reader, moves);
    },
  });
}

async function applyUpdates(
  tx: Transaction,
  items: readonly Inbound[],
  { batch, lane }: { batch: InboundBatch; lane: LaneTransaction },
): Promise<InboundOutcome> {
  const updates = new Map<string, Inbound>();
  for (const item of items) if (!updates.has(item.key)) updates.set(item.key, item);
  const { known, knownKeys, hasWords, now } = await lane.begin(() => lookUpKnownState(tx, [...updates.values()]));
  const fresh = [...updates.values()].filter(({ key }) => !knownKeys.has(key));

  const { createId, memory } = batch;
  const effects = receive(fresh, known, { createId, now });
  if ("contactIds" in effects) throw new JoinIsFirst(effects);
  const writing = Promise.all([
    writeEffects(tx, effects, now, memory),
    lane.setAside(effects.withoutChannel, UNKNOWN_CHANNEL),
    lane.setAside(effects.ofAnothers, ANOTHERS),
  ]);
  // The locks come last in the round trip: they are held while conversations are written, and no longer.
  const locking =
    effects.newConversations.length === 0
      ? []
      : enter(batch.openings, lane).then(() => lockIdleQueues(tx, effects.newConversations));
  // Nothing may be sent any more when the transaction has failed.
  await Promise.allSettled([writing, locking]);
  await writing;
  const { newContacts, newConversations } = effects;
  const opened = await openConversations(tx, newConversations, await locking, { createId, now, memory, newContacts });
  if (hasWords) await noteWordLooks(tx, effects, now);
  const withoutEffect = effects.withoutChannel.length + effects.ofAnothers.length;
  return { ...opened, applied: fresh.length - withoutEffect, repeated: items.length - fresh.length };
}

const UNKNOWN_CHANNEL =
  "unknown-channel: no channel has this phone number id; configure it, then retry the dead letter";

const ANOTHERS =
  "another-account: the channel of this phone number id has another business account than the one that this came from; " +
  "if that is right, configure the channel's account, then retry the dead letter";

/** Enters until the transaction has ended. */
async function enter(openings: Turnstile | undefined, lane: LaneTransaction): Promise<void> {
  const entering = openings?.enter();
  lane.onEnd(() => void entering?.then((leave) => leave()));
  await entering;
}
