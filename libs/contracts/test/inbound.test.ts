import { describe, expect, it } from "vitest";
import { decodeInboundRecord, encodeInboundRecord, INBOUND_HEADERS, partitionOf } from "../src/index.ts";

const lines = [
  { json: '{"key":"a"}', partition: 0 },
  { json: '{"key":"ñ 👋"}', partition: 63 },
];

const textOf = (payload: Uint8Array) => new TextDecoder().decode(payload);

describe("an inbound record", () => {
  it("gives back the lines and partitions that were put in", () => {
    const { payload, headers } = encodeInboundRecord(lines);
    expect(decodeInboundRecord(textOf(payload), (name) => headers[name] ?? "")).toEqual(lines);
  });

  it.each([
    ["another format", INBOUND_HEADERS.format, "2"],
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
