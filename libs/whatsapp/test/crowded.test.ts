import { describe, expect, it, test } from "vitest";
import { splitDelivery } from "../src/index.ts";
import { RECEIVED_AT } from "./fixtures/deliveries.ts";

const BODY_BYTES = 1_000_000;
/** A thousand of them, as many as Meta puts into one delivery, are 4 MB. */
const MESSAGE = `{"id":"wamid.#","from":"5511987654321","timestamp":"1763850000","type":"text","text":{"body":"${"x".repeat(3_800)}"}}`;

const inBody = (entry: string) => `{"object":"whatsapp_business_account","entry":[${entry}]}`;
const inChange = (change: string) => inBody(`{"id":"1","changes":[${change}]}`);
const inValue = (members: string) =>
  inChange(
    `{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"phone_number_id":"1"},${members}}}`,
  );
const many = (part: (index: number) => string, around: (parts: string) => string) => {
  const parts: string[] = [];
  for (let index = 0, bytes = 0; bytes < BODY_BYTES; index++) {
    const next = part(index);
    bytes += next.length + 1;
    parts.push(next);
  }
  return around(parts.join(","));
};

const CROWDED = {
  "empty messages": many(
    () => "{}",
    (parts) => inValue(`"messages":[${parts}]`),
  ),
  "numbers for messages": many(
    () => "1",
    (parts) => inValue(`"messages":[${parts}]`),
  ),
  "messages with an id": many(
    (index) => `{"id":"${index}"}`,
    (parts) => inValue(`"messages":[${parts}]`),
  ),
  contacts: many(
    () => "{}",
    (parts) => inValue(`"messages":[{}],"contacts":[${parts}]`),
  ),
  "contacts with an id": many(
    (index) => `{"wa_id":"${index}"}`,
    (parts) => inValue(`"messages":[{}],"contacts":[${parts}]`),
  ),
  members: many(
    (index) => `"k${index}":1`,
    (parts) => inValue(`"messages":[],${parts}`),
  ),
  changes: many(
    () => "1",
    (parts) => inChange(parts),
  ),
  entries: many(
    () => "1",
    (parts) => inBody(parts),
  ),
};

/** Generous: what is bounded has 2 to 5, and what once was not had 36 and more. */
const RATIO_MAX = 20;

const split = (body: Buffer) => {
  const defects: unknown[] = [];
  const onDefect = (defect: unknown) => defects.push(defect);
  const lines = splitDelivery(body, { receivedAt: RECEIVED_AT, createId: () => "id", onDefect });
  return { lines, defects };
};

describe("a body that holds more parts than anybody should work on", () => {
  it.each(Object.entries(CROWDED))("of %s is kept whole, as one line that nobody reads", (_what, text) => {
    const { lines, defects } = split(Buffer.from(text));
    expect(lines.map(({ lane }) => lane)).toEqual(["unrecognised"]);
    expect((JSON.parse(lines[0]?.json ?? "") as { update: string }).update === text).toBe(true);
    expect(defects).toEqual([]);
  });
});

describe("what many updates share is written into each of their lines, and", () => {
  const long = "x".repeat(20_000);
  const messages = Array.from({ length: 2_000 }, (_, index) => `{"id":"${index}","from":"34600111222"}`).join(",");
  const change = (metadata: string, contacts: string) =>
    inChange(`{"field":"messages","value":{"metadata":${metadata},"contacts":${contacts},"messages":[${messages}]}}`);

  it.each([
    ["metadata", change(`{"phone_number_id":"1","x":"${long}"}`, "[]")],
    ["contact", change('{"phone_number_id":"1"}', `[{"wa_id":"34600111222","x":"${long}"}]`)],
  ])("keeps the body whole where a long %s would make them many times as long", (_what, text) => {
    const { lines, defects } = split(Buffer.from(text));
    expect(lines.map(({ lane }) => lane)).toEqual(["unrecognised"]);
    expect([(JSON.parse(lines[0]?.json ?? "") as { update: string }).update === text, defects]).toEqual([true, []]);
  });
});

test("a delivery of 1,000 messages, as many as Meta sends at most, is divided", () => {
  const text = inValue(
    `"messages":[${Array.from({ length: 1_000 }, (_, index) => MESSAGE.replace("#", String(index))).join(",")}]`,
  );
  expect(split(Buffer.from(text)).lines).toHaveLength(1_000);
});

test("work follows from bytes: dividing costs no more than a few times what the parser of JSON costs", () => {
  const costOf = (work: () => void) =>
    Math.min(
      ...Array.from({ length: 3 }, () => {
        // Of the processor and not of the clock: other tests work beside this one.
        const before = process.cpuUsage();
        work();
        const { user, system } = process.cpuUsage(before);
        return user + system;
      }),
    );
  const ratios = Object.entries(CROWDED).map(([what, text]) => {
    const body = Buffer.from(text);
    return [what, costOf(() => split(body)) / costOf(() => JSON.parse(body.toString("utf8")))] as const;
  });
  expect(ratios.filter(([, ratio]) => ratio > RATIO_MAX)).toEqual([]);
});
