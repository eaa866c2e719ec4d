import { hash } from "node:crypto";

/** What an update is, for the ledger: a customer's message, a delivery status of one of ours, or anything else. */
const UPDATE_KINDS = ["message", "sent", "delivered", "read", "played", "failed", "other"] as const;
export type UpdateKind = (typeof UPDATE_KINDS)[number];

/**
 * One update in the ledger.
 *
 * `id` is the message's id (wamid), for a status `<wamid>:<status>`, for anything else a name that nothing else has.
 * `customer` is the index of the customer (-1 for none), `ordinal` the number of the message among that customer's, from 1
 * (0 for what has none). `sentCount` is how often it left, `acceptedCount` how often it was answered 200, `acceptedAt` the
 * instant of the first such answer in ms since the epoch (null for never).
 */
export interface LedgerEntry {
  id: string;
  kind: UpdateKind;
  customer: number;
  ordinal: number;
  sentCount: number;
  acceptedCount: number;
  acceptedAt: number | null;
}

export interface Ledger {
  /** Notes an update that will be sent and gives its index. Without `id` the id follows from the index. */
  add(update: { kind: UpdateKind; customer: number; ordinal: number; id?: string }): number;
  idAt(index: number): string;
  entryAt(index: number): LedgerEntry;
  markSent(index: number): void;
  markAccepted(index: number, at: number): void;
  readonly size: number;
  readonly acceptedCount: number;
  entries(): Iterable<LedgerEntry>;
  /** What was answered 200 at least once, in the order in which it was noted. */
  accepted(): Iterable<LedgerEntry>;
}

/** Keeps columns of numbers instead of objects, and computes ids instead of storing them: about 26 bytes an update. */
export function createLedger(salt: string): Ledger {
  return new ColumnLedger(salt);
}

class ColumnLedger implements Ledger {
  readonly #salt: string;
  readonly #givenIds = new Map<number, string>();
  #size = 0;
  #acceptedCount = 0;
  #columns = createColumns(1_024);

  constructor(salt: string) {
    this.#salt = salt;
  }

  get size(): number {
    return this.#size;
  }

  get acceptedCount(): number {
    return this.#acceptedCount;
  }

  add({ kind, customer, ordinal, id }: { kind: UpdateKind; customer: number; ordinal: number; id?: string }): number {
    if (this.#size === this.#columns.kinds.length) this.#columns = widen(this.#columns);
    const index = this.#size++;
    this.#columns.kinds[index] = UPDATE_KINDS.indexOf(kind);
    this.#columns.customers[index] = customer;
    this.#columns.ordinals[index] = ordinal;
    if (id !== undefined) this.#givenIds.set(index, id);
    return index;
  }

  idAt(index: number): string {
    const given = this.#givenIds.get(index);
    if (given !== undefined) return given;
    const kind = this.#kindAt(index);
    const wamid = wamidOf(this.#salt, index);
    return kind === "message" || kind === "other" ? wamid : `${wamid}:${kind}`;
  }

  entryAt(index: number): LedgerEntry {
    if (index < 0 || index >= this.#size) throw new RangeError(`the ledger has no entry ${index}`);
    const { customers, ordinals, sentCounts, acceptedCounts, acceptedAts } = this.#columns;
    const acceptedCount = acceptedCounts[index] ?? 0;
    return {
      id: this.idAt(index),
      kind: this.#kindAt(index),
      customer: customers[index] ?? -1,
      ordinal: ordinals[index] ?? 0,
      sentCount: sentCounts[index] ?? 0,
      acceptedCount,
      acceptedAt: acceptedCount === 0 ? null : (acceptedAts[index] ?? 0),
    };
  }

  markSent(index: number): void {
    const { sentCounts } = this.#columns;
    sentCounts[index] = (sentCounts[index] ?? 0) + 1;
  }

  markAccepted(index: number, at: number): void {
    const { acceptedCounts, acceptedAts } = this.#columns;
    const before = acceptedCounts[index] ?? 0;
    acceptedCounts[index] = before + 1;
    if (before > 0) return;
    acceptedAts[index] = at;
    this.#acceptedCount += 1;
  }

  *entries(): Iterable<LedgerEntry> {
    for (let index = 0; index < this.#size; index++) yield this.entryAt(index);
  }

  *accepted(): Iterable<LedgerEntry> {
    for (let index = 0; index < this.#size; index++) {
      if ((this.#columns.acceptedCounts[index] ?? 0) > 0) yield this.entryAt(index);
    }
  }

  #kindAt(index: number): UpdateKind {
    return UPDATE_KINDS[this.#columns.kinds[index] ?? 0] ?? "other";
  }
}

type Columns = ReturnType<typeof createColumns>;

function createColumns(capacity: number) {
  return {
    kinds: new Uint8Array(capacity),
    customers: new Int32Array(capacity),
    ordinals: new Uint32Array(capacity),
    sentCounts: new Uint32Array(capacity),
    acceptedCounts: new Uint32Array(capacity),
    acceptedAts: new Float64Array(capacity),
  };
}

function widen(from: Columns): Columns {
  const to = createColumns(from.kinds.length * 2);
  to.kinds.set(from.kinds);
  to.customers.set(from.customers);
  to.ordinals.set(from.ordinals);
  to.sentCounts.set(from.sentCounts);
  to.acceptedCounts.set(from.acceptedCounts);
  to.acceptedAts.set(from.acceptedAts);
  return to;
}

/** An id as Meta makes them: `wamid.` and base64 with its `+`, `/` and `=`. It follows from the salt and the number. */
export function wamidOf(salt: string, index: number): string {
  return `wamid.HBgN${hash("sha1", `${salt}:${index}`, "base64")}`;
}
