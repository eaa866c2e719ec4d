import { decodeInboundRecord, partsOf } from "@turno/contracts";
import { expect, test } from "vitest";
import { publishRecord } from "../src/publish-record.ts";

const BYTES_MAX = 100;

/** Publishes a line of so many bytes, and reads it back from what the broker got. */
async function publishLine(length: number) {
  const line = { json: JSON.stringify("x".repeat(length - 2)), partition: 7 };
  const published: { text: string; headers: Record<string, string> }[] = [];
  const publish = (_subject: string, payload: string | Uint8Array, options: { headers?: Record<string, string> }) => {
    published.push({ text: Buffer.from(payload as Uint8Array).toString(), headers: options.headers ?? {} });
    return Promise.resolve({ sequence: published.length, duplicate: false });
  };
  // Each line is counted with the line feed behind it.
  const record = { lane: "message", lines: [line], bytes: length + 1, timeoutMs: 1_000 } as const;
  await publishRecord({ publish, recordBytesMax: BYTES_MAX }, record);
  const { text, headers } = published.at(-1) ?? { text: "", headers: {} };
  const header = (name: string) => headers[name] ?? "";
  const beginning = (partsOf(header)?.sequences ?? []).map((sequence) => published[sequence - 1]?.text).join("");
  return { line, found: decodeInboundRecord(text, header, beginning), messages: published.length };
}

test.each([
  [BYTES_MAX - 1, 1],
  [BYTES_MAX, 1],
  [BYTES_MAX + 1, 2],
  [2 * BYTES_MAX, 2],
  [2 * BYTES_MAX + 1, 3],
])("a line of %i bytes is read back from %i messages of at most 100", async (length, messages) => {
  const { line, found, messages: needed } = await publishLine(length);
  expect([found, needed]).toEqual([[line], messages]);
});
