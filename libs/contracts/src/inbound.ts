import { z } from "zod";

/**
 * One line of an inbound record: one update of a delivery, as Meta sent it.
 *
 * `key` is its dedupe key, the same in every repetition of the update; `update` the message, status or other item
 * (for what is not understood the change, the value or the whole body); `contacts` those of its value that belong to it;
 * `receivedAt` the ISO 8601 instant at which the gateway had read the POST.
 */
export const inboundUpdateSchema = z.object({
  key: z.string().min(1),
  field: z.string(),
  accountId: z.string().nullable(),
  metadata: z.looseObject({ phone_number_id: z.string().optional() }).nullable(),
  contacts: z.array(z.looseObject({})),
  update: z.unknown(),
  receivedAt: z.iso.datetime(),
});
export type InboundUpdate = z.infer<typeof inboundUpdateSchema>;

/** The number of ordered partitions into which the readers of the inbound log share the contacts. */
export const PARTITION_COUNT = 64;

export const INBOUND_FORMAT = "1";
export const INBOUND_HEADERS = {
  format: "Turno-Format",
  lines: "Turno-Lines",
  partitions: "Turno-Partitions",
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
    if (offset > 0) payload[offset++] = LINE_FEED;
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

/** Reads a record back into its lines. Throws a `RangeError` where headers and payload disagree or the format is unknown. */
export function decodeInboundRecord(payload: string, header: (name: string) => string): InboundLine[] {
  const format = header(INBOUND_HEADERS.format);
  if (format !== INBOUND_FORMAT) {
    throw new RangeError(`inbound record of format "${format}": this reader knows format ${INBOUND_FORMAT}`);
  }
  const texts = payload.split("\n");
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
