import { describe, expect, it } from "vitest";
import {
  decodeInboundRecord,
  dividedHeaders,
  divideInboundLine,
  encodeInboundRecord,
  INBOUND_HEADERS,
  partitionOf,
  partsOf,
} from "../src/index.ts";

const lines = [
  { json: '{"key":"a"}', partition: 0 },
  { json: '{"key":"ñ 👋"}', partition: 63 },
];

const textOf = (payload: Uint8Array) => new TextDecoder().decode(payload);

describe("a line that is larger than a message may be", () => {
  const json = JSON.stringify({ key: "a", text: "añ👋€".repeat(300) });

  it.each([4, 5, 7, 100, 1_000_000])("is whole again after it was divided into pieces of %i bytes", (bytesMax) => {
    const pieces = divideInboundLine(json, bytesMax);
    expect(pieces.every(({ length }) => length > 0 && length <= bytesMax)).toBe(true);
    expect(pieces.map(textOf).join("")).toBe(json);
  });

  it("ends in a record that says where its parts are, and is refused without them", () => {
    const pieces = divideInboundLine(json, 500).map(textOf);
    const last = pieces.pop() ?? "";
    const headers = dividedHeaders({ lineId: "1", partition: 7, sequences: [4, 9] });
    const header = (name: string) => headers[name] ?? "";
    expect(partsOf(header)).toEqual({ lineId: "1", partition: 7, sequences: [4, 9] });
    expect(decodeInboundRecord(last, header, pieces.join(""))).toEqual([{ json, partition: 7 }]);
    expect(() => decodeInboundRecord(last, header)).toThrow(RangeError);
    expect(() => partsOf((name) => (name === INBOUND_HEADERS.parts ? "9,4" : header(name)))).toThrow(RangeError);
  });
});

describe("an inbound record", () => {
  it("gives back a line without text, too", () => {
    const empty = [{ json: "", partition: 1 }, ...lines];
    const { payload, headers } = encodeInboundRecord(empty);
    expect(decodeInboundRecord(textOf(payload), (name) => headers[name] ?? "")).toEqual(empty);
  });

  it("gives back the lines and partitions that were put in", () => {
    const { payload, headers } = encodeInboundRecord(lines);
    expect(decodeInboundRecord(textOf(payload), (name) => headers[name] ?? "")).toEqual(lines);
  });

  it.each([
    ["another format", INBOUND_HEADERS.format, "3"],
    ["a wrong count", INBOUND_HEADERS.lines, "3"],
    ["a missing partition", INBOUND_HEADERS.partitions, "0"],
    ["a partition that does not exist", INBOUND_HEADERS.partitions, "0,64"],
  ])("is refused with %s, so that no line is lost without notice", (_what, header, value) => {
    const { payload, headers } = encodeInboundRecord(lines);
    const spoiled: Record<string, string> = { ...headers, [header]: value };
    expect(() => decodeInboundRecord(textOf(payload), (name) => spoiled[name] ?? "")).toThrow(RangeError);
  });

  it("puts a contact into the same partition for ever: the hash is a contract", () => {
    expect(["user:US.1", "phone:5511999998888", ""].map(partitionOf)).toEqual([53, 42, 5]);
  });
});
