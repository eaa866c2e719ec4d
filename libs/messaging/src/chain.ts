import { nuid } from "nats";

/**
 * Headers that let JetStream check something before it stores a message, by the message's place in what is published.
 */
type Expectation = (index: number) => Readonly<Record<string, string>>;

interface Message {
  payload: string;
  id: string;
}

const LAST_SEQUENCE = "Nats-Expected-Last-Sequence";
const LAST_ID = "Nats-Expected-Last-Msg-Id";
/** The most messages that a server takes as one batch, unless it was configured otherwise. Source: NATS, ADR-50. */
const BATCH_MESSAGES_MAX = 1_000;
const BATCH_CHARACTERS_MAX = 4 * 1024 * 1024;

/**
 * Each message names the sequence at which the stream must end and, except for the first, the message that must be
 * there. After a refused message all others are refused too, so the last is stored only if all are. For a stream with
 * one replica only: in a cluster nats-server 2.15.1 compares ids when it applies a message and not when it takes it,
 * and a mismatch ends the stream for good on all its servers. The sequence, which is compared in time, keeps a chain
 * off a stream that was recreated with several. Source: NATS, "JetStream Headers".
 */
export function expectChain(messages: readonly Message[], lastSequence: number): Expectation {
  return (index) => {
    const before = messages[index - 1];
    const sequence = { [LAST_SEQUENCE]: String(lastSequence + index) };
    return before === undefined ? sequence : { ...sequence, [LAST_ID]: before.id };
  };
}

/** All of them are stored, or none. Source: NATS, ADR-50, atomic batch publishing. */
export function expectBatch(messages: readonly Message[], lastSequence: number): Expectation {
  const batch = nuid.next();
  return (index) => ({
    "Nats-Batch-Id": batch,
    "Nats-Batch-Sequence": String(index + 1),
    ...(index === 0 ? { [LAST_SEQUENCE]: String(lastSequence) } : {}),
    ...(index === messages.length - 1 ? { "Nats-Batch-Commit": "1" } : {}),
  });
}

/** Cuts messages into pieces that a server takes as batches. */
export function cutBatches<M extends Message>(messages: readonly M[]): M[][] {
  const batches: M[][] = [];
  let size = 0;
  for (const message of messages) {
    size += message.payload.length;
    const last = batches.at(-1);
    if (last !== undefined && last.length < BATCH_MESSAGES_MAX && size <= BATCH_CHARACTERS_MAX) last.push(message);
    else {
      batches.push([message]);
      size = message.payload.length;
    }
  }
  return batches;
}
