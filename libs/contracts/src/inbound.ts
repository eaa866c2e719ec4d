import { z } from "zod";

/**
 * One line of an inbound record: one update of a delivery, as Meta sent it.
 *
 * `key` is its dedupe key, the same in every repetition of the update; `update` the message, status or other item
 * (for what is not understood the change, the value or the whole body); `contacts` those of its value that belong to it;
 * `receivedAt` the ISO 8601 instant at which the gateway had read the POST.
 */
export const inboundUpdateSchema = z.object({
  // A check of its length would be asked of any value that has one, which may be none that can be compared.
  key: z.string().refine((key) => key !== "", "must not be empty"),
  field: z.string(),
  accountId: z.string().nullable(),
  metadata: z.looseObject({ phone_number_id: z.string().optional() }).nullable(),
  contacts: z.array(z.looseObject({})),
  update: z.unknown(),
  receivedAt: z.iso.datetime(),
});
export type InboundUpdate = z.infer<typeof inboundUpdateSchema>;

/** The number of partitions into which the contacts are divided. Readers of the inbound log share them. */
export const PARTITION_COUNT = 64;

export const INBOUND_FORMAT = "1";
/** A record of one line that begins in other messages, its parts. */
const DIVIDED_FORMAT = "2";
/** A part of a line. */
const PART_FORMAT = "part";
/** A record without a line, by which a gateway finds out whether the log stores again. */
export const PROBE_FORMAT = "probe";
export const INBOUND_HEADERS = {
  format: "Turno-Format",
  lines: "Turno-Lines",
  partitions: "Turno-Partitions",
  /** The line to which a part belongs. */
  line: "Turno-Line",
  /** The sequences of a line's parts, in order, without the last. */
  parts: "Turno-Parts",
} as const;

/** Maps a contact key to its partition, 0 to 63, by 32-bit FNV-1a over UTF-16 code units. Never changes: it is a contract. */
export function partitionOf(contactKey: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < contactKey.length; index++) {
    hash ^= contactKey.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return (hash >>> 0) % PARTITION_COUNT;
}

/** A line ready to be stored: its JSON text without a line feed, and the partition of its contact. */
export interface InboundLine {
  json: string;
  partition: number;
}

const LINE_FEED = 0x0a;

/** Writes lines as one record: JSON Lines, and the headers that let a reader take its own lines without parsing the others'. */
export function encodeInboundRecord(lines: readonly InboundLine[]): {
  payload: Uint8Array;
  headers: Record<string, string>;
} {
  let size = Math.max(0, lines.length - 1);
  for (const { json } of lines) size += Buffer.byteLength(json);
  // Line by line into its place: a text of all of them would be put together, flattened and copied first.
  const payload = Buffer.allocUnsafe(size);
  let offset = 0;
  let partitions = "";
  for (const { json, partition } of lines) {
    if (partitions !== "") payload[offset++] = LINE_FEED;
    offset += payload.write(json, offset);
    partitions += partitions === "" ? partition : `,${partition}`;
  }
  return {
    payload,
    headers: {
      [INBOUND_HEADERS.format]: INBOUND_FORMAT,
      [INBOUND_HEADERS.lines]: String(lines.length),
      [INBOUND_HEADERS.partitions]: partitions,
    },
  };
}

/** Cuts a line's text into pieces of at most `bytesMax`, none of which ends within a character. */
export function divideInboundLine(json: string, bytesMax: number): Uint8Array[] {
  const bytes = Buffer.from(json);
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + bytesMax, bytes.length);
    while (end < bytes.length && isContinuation(bytes[end])) end -= 1;
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  return pieces;
}

/** Returns whether a byte continues a character of UTF-8. Source: RFC 3629, section 3. */
const isContinuation = (byte: number | undefined) => byte !== undefined && (byte & 0xc0) === 0x80;

/** Returns the headers of a part that is not the last. */
export function partHeaders(lineId: string): Record<string, string> {
  return { [INBOUND_HEADERS.format]: PART_FORMAT, [INBOUND_HEADERS.line]: lineId };
}

/** Returns the headers of the record that holds a line's last part and says where the others are. */
export function dividedHeaders(line: {
  lineId: string;
  partition: number;
  sequences: readonly number[];
}): Record<string, string> {
  return {
    [INBOUND_HEADERS.format]: DIVIDED_FORMAT,
    [INBOUND_HEADERS.lines]: "1",
    [INBOUND_HEADERS.partitions]: String(line.partition),
    [INBOUND_HEADERS.line]: line.lineId,
    [INBOUND_HEADERS.parts]: line.sequences.join(","),
  };
}

/**
 * Returns where a divided line begins, or null for a whole record. Throws a `RangeError` if the headers do not say it.
 */
export function partsOf(
  header: (name: string) => string,
): { lineId: string; partition: number; sequences: number[] } | null {
  if (header(INBOUND_HEADERS.format) !== DIVIDED_FORMAT) return null;
  const sequences = header(INBOUND_HEADERS.parts).split(",").map(Number);
  const isAscending = sequences.every((sequence, index) => sequence > (sequences[index - 1] ?? 0));
  if (!isAscending || !sequences.every(Number.isSafeInteger)) {
    throw new RangeError(`inbound record names parts "${header(INBOUND_HEADERS.parts)}"`);
  }
  const partition = readPartition(header(INBOUND_HEADERS.partitions));
  return { lineId: header(INBOUND_HEADERS.line), partition, sequences };
}

/**
 * Reads a record back into its lines; `beginning` is the text of the parts before it, where its line is divided. Throws a
 * `RangeError` where headers and payload disagree or the format is unknown.
 */
export function decodeInboundRecord(payload: string, header: (name: string) => string, beginning = ""): InboundLine[] {
  const format = header(INBOUND_HEADERS.format);
  if (format !== INBOUND_FORMAT && format !== DIVIDED_FORMAT) {
    throw new RangeError(`inbound record of format "${format}": this reader knows format ${INBOUND_FORMAT} and 2`);
  }
  if ((format === DIVIDED_FORMAT) !== (beginning !== "")) {
    throw new RangeError(`inbound record of format ${format} with ${beginning.length} characters before it`);
  }
  const texts = `${beginning}${payload}`.split("\n");
  const partitions = header(INBOUND_HEADERS.partitions).split(",");
  const count = Number(header(INBOUND_HEADERS.lines));
  if (texts.length !== count || partitions.length !== count) {
    throw new RangeError(
      `inbound record announces ${count} lines, has ${texts.length} lines and ${partitions.length} partitions`,
    );
  }
  return texts.map((json, index) => ({ json, partition: readPartition(partitions[index]) }));
}

function readPartition(text: string | undefined): number {
  const partition = Number(text);
  if (Number.isInteger(partition) && partition >= 0 && partition < PARTITION_COUNT) return partition;
  throw new RangeError(`inbound record names partition "${text}": 0 to ${PARTITION_COUNT - 1} exist`);
}

/** How far a reader of the log believes that it has come. A store that was restored may hold something else. */
export interface ReadingProgress {
  streamId: string;
  /** The sequence of each held partition in the store. */
  positions: ReadonlyMap<number, number>;
  /** Everything up to this record has been applied in all of these partitions. */
  appliedSequence: number;
  /** The instant up to which everything that arrived has taken effect; null if that is unknown. */
  watermarkAt: Date | null;
}
