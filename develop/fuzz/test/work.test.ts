import { interpretLine, splitDelivery } from "@turno/whatsapp";
import { describe, expect, it } from "vitest";
import { FUZZED_AT } from "../src/seeds.ts";

/** What a body may make of itself: lines of so many characters for each of its bytes, and so many beside that. */
const TIMES_MAX = 8;
const EXTRA = 1024 * 1024;
const LINES_MAX = 10_000;
const SIZES = [25_000, 100_000, 400_000];

const inValue = (value: string) =>
  `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{${value}}}]}]}`;
const METADATA = '"metadata":{"phone_number_id":"1"}';

/** Repeats a part until it has so many bytes. */
function fill(bytes: number, part: (index: number) => string): string {
  const parts: string[] = [];
  for (let length = 0; length < bytes; length += (parts.at(-1)?.length ?? 0) + 1) parts.push(part(parts.length));
  return parts.join(",");
}

const messagesFrom = (bytes: number) => fill(bytes, (index) => `{"id":"${index}","from":"34600111222"}`);

/** The worst that a body of so many bytes can hold: what is written more than once, or looked up for each of many. */
const WORST: Record<string, (bytes: number) => string> = {
  "messages without anything": (bytes) => inValue(`${METADATA},"messages":[${fill(bytes, () => "{}")}]`),
  "messages with an id": (bytes) => inValue(`${METADATA},"messages":[${fill(bytes, (index) => `{"id":"${index}"}`)}]`),
  "one long contact of many messages": (bytes) =>
    inValue(
      `${METADATA},"contacts":[{"wa_id":"34600111222","x":"${"y".repeat(bytes / 2)}"}],"messages":[${messagesFrom(bytes / 2)}]`,
    ),
  "long metadata of many messages": (bytes) =>
    inValue(
      `"metadata":{"phone_number_id":"1","x":"${"y".repeat(bytes / 2)}"},"messages":[${messagesFrom(bytes / 2)}]`,
    ),
  "many contacts of many messages": (bytes) =>
    inValue(
      `${METADATA},"contacts":[${fill(bytes / 2, (index) => `{"wa_id":"${index}"}`)}],"messages":[${fill(bytes / 2, (index) => `{"id":"${index}","from":"${index}"}`)}]`,
    ),
  "members that nobody knows": (bytes) => inValue(`"messages":[],${fill(bytes, (index) => `"k${index}":1`)}`),
  "text that grows when it is quoted": (bytes) => "\u0001".repeat(bytes),
  "nested arrays": (bytes) => inValue(`"messages":[{"id":"1","x":${"[".repeat(bytes / 2)}${"]".repeat(bytes / 2)}}]`),
};

describe.each(Object.entries(WORST))("a body of %s", (_what, make) => {
  it.each(SIZES)("of %i bytes makes lines that its bytes bound, and no defect", (bytes) => {
    const defects: unknown[] = [];
    const onDefect = (defect: unknown) => defects.push(defect);
    const body = Buffer.from(make(bytes));
    const lines = splitDelivery(body, { receivedAt: FUZZED_AT, createId: () => "id", onDefect });
    const length = lines.reduce((sum, { json }) => sum + json.length, 0);
    expect(defects).toEqual([]);
    expect(lines.length).toBeLessThanOrEqual(LINES_MAX);
    expect(length).toBeLessThanOrEqual(TIMES_MAX * body.length + EXTRA);
  });
});

describe("what a message says", () => {
  const form = (bytes: number) => `{"${"k".repeat(bytes / 2)}":{${fill(bytes / 2, (index) => `"a${index}":1`)}}}`;
  const cards = (bytes: number) => `[${fill(bytes, () => '{"phones":[{"phone":"1"}]}')}]`;
  const lineOf = (type: string, content: string) =>
    `{"key":"msg:1","field":"messages","accountId":"1","metadata":{"phone_number_id":"1"},"contacts":[],"update":{"id":"1","from":"34600111222","timestamp":"1763850000","type":"${type}","${type}":${content}},"receivedAt":"${FUZZED_AT}"}`;
  const SAID: Record<string, (bytes: number) => string> = {
    "a form with a long name around many fields": (bytes) =>
      lineOf("interactive", `{"type":"nfm_reply","nfm_reply":{"response_json":${JSON.stringify(form(bytes))}}}`),
    "many contact cards": (bytes) => lineOf("contacts", cards(bytes)),
  };

  it.each(Object.entries(SAID))("in %s is not longer than its bytes allow", (_what, make) => {
    for (const bytes of SIZES) {
      const line = make(bytes);
      const item = interpretLine(line);
      expect(item.kind).toBe("interaction");
      expect("text" in item ? item.text.length : Infinity).toBeLessThanOrEqual(2 * line.length);
    }
  });
});
