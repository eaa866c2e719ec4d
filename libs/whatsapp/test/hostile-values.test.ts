import { describe, expect, it, test } from "vitest";
import { interpretLine, readLine, readSendAnswer, readStatus } from "../src/index.ts";
import { delivery, messagesDelivery, METADATA, readWritten, split, splitRaw, value } from "./fixtures/deliveries.ts";
import { message, status } from "./fixtures/messages.ts";

/** Neither of them becomes a number or a text when it is asked to. */
const STUBBORN = {
  "an object without `toString`": '{"toString":null,"valueOf":null}',
  "a number kept as its text": "1e3",
};

/** Writes a line by hand, so that a value stands in it as it is. */
const lineOf = (update: string) =>
  `{"key":"st:x:failed","field":"messages","accountId":"1","metadata":null,"contacts":[],"update":${update},"receivedAt":"2025-11-22T22:20:05.123Z"}`;

describe.each(Object.entries(STUBBORN))("%s", (_what, stubborn) => {
  it("for a status's timestamp is a cause, and no defect", () => {
    const line = readLine(lineOf(`{"id":"x","status":"sent","timestamp":${stubborn}}`));
    if ("cause" in line) throw new Error(line.cause);
    const read = readStatus(line);
    expect("cause" in read || Number.isFinite(read.at.getTime())).toBe(true);
  });

  it("for the length of a key is a cause, and no defect", () => {
    expect(readLine(`{"key":{"length":${stubborn}}}`)).toMatchObject({
      cause: expect.stringContaining("key") as string,
    });
  });

  it("for an error's code is no code, and no defect", () => {
    const error = `{"code":${stubborn},"title":"Something"}`;
    const line = readLine(lineOf(`{"id":"x","status":"failed","timestamp":"1763850000","errors":[${error}]}`));
    if ("cause" in line) throw new Error(line.cause);
    expect(readStatus(line)).toMatchObject({ status: "failed" });
    expect(readSendAnswer(400, `{"error":${error}}`, null)).toMatchObject({ kind: "refused" });
  });

  it("for the id of a change whose field is named like a kind of key leaves the rest of the delivery alone", () => {
    const body = JSON.stringify(messagesDelivery({ messages: [message("text")] }));
    const odd = `{"field":"st","id":${stubborn},"value":{}}`;
    const defects: unknown[] = [];
    const lines = splitRaw(body.replace('"changes":[', `"changes":[${odd},`), (defect) => defects.push(defect));
    expect([lines.map(({ lane }) => lane), defects]).toEqual([["unrecognised", "message"], []]);
  });
});

/** As a number it would be 0, Meta's code for a token that is no good: it would stop all sending. */
test.each(["null", '""', '" "', "[]", "false"])("%s for an error's code is no code 0", (none) => {
  const error = `{"code":${none},"title":"Something"}`;
  const line = readLine(lineOf(`{"id":"x","status":"failed","timestamp":"1763850000","errors":[${error}]}`));
  if ("cause" in line) throw new Error(line.cause);
  expect(readStatus(line)).toMatchObject({ status: "failed", error: null });
  expect(readSendAnswer(400, `{"error":${error}}`, null)).toMatchObject({ kind: "refused", code: null, class: "A" });
});

describe("a part of a delivery that holds something else beside what is known", () => {
  it("keeps a value without updates, too", () => {
    const change = { field: "calls", value: value({ holograms: ["kept"] }), since: "also kept" };
    const text = JSON.stringify(split(delivery(change)));
    expect([text.includes("also kept"), text.includes('"kept"')]).toEqual([true, true]);
  });

  it("keeps the metadata of a standby without updates, too", () => {
    const standby = { metadata: { ...METADATA, phone_number_id: "its own" }, messages: [] };
    const text = JSON.stringify(split(delivery({ field: "standby", value: { standby, since: "also kept" } })));
    expect([text.includes("also kept"), text.includes("its own")]).toEqual([true, true]);
  });
});

test.each(["", "a b", "a\0", "x".repeat(513)])("a business number %j is none, and its change is kept whole", (id) => {
  const change = { field: "messages", value: { metadata: { phone_number_id: id }, statuses: [status("sent")] } };
  const lines = split(delivery(change));
  expect(lines.map(({ lane, update }) => [lane, update])).toEqual([["unrecognised", change]]);
});

describe("nesting deeper than the stack", () => {
  const deep = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

  it("is of the body, and no defect: the body is kept whole", () => {
    for (const part of [`"x":${deep(100_000)}`, `"messages":[{"id":"1","x":${deep(100_000)}}]`]) {
      const body = JSON.stringify(messagesDelivery({})).replace('"metadata"', `${part},"metadata"`);
      const defects: unknown[] = [];
      const lines = splitRaw(body, (defect) => defects.push(defect));
      expect([lines.map((line) => readWritten(line).update), defects]).toEqual([[body], []]);
    }
  });

  it("of a line is a cause", () => {
    const [line] = splitRaw(JSON.stringify(messagesDelivery({ messages: [message("text")] })));
    const nested = (line?.json ?? "").replace('"update":{', `"update":{"x":${deep(100_000)},`);
    expect(interpretLine(nested)).toMatchObject({
      kind: "unreadable",
      cause: expect.stringMatching(/nested|stack/) as string,
    });
  });
});

describe("what a form says", () => {
  const say = (response: object) => {
    const reply = { type: "nfm_reply", nfm_reply: { response_json: JSON.stringify(response) } };
    const [line] = splitRaw(
      JSON.stringify(messagesDelivery({ messages: [message("interactive", { interactive: reply })] })),
    );
    const item = interpretLine(line?.json ?? "");
    return { bytes: line?.json.length ?? 0, text: "text" in item ? item.text : "" };
  };
  const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, 1]));

  it("grows with its bytes, and not with its fields times the length of their names", () => {
    const { bytes, text } = say({ ["k".repeat(20_000)]: fields(2_000) });
    expect(text.length).toBeLessThan(2 * bytes);
    expect(text).toMatch(/^\[form\] kkk/);
  });

  it("is said in full where it is for people", () => {
    expect(say({ customer: { name: "Eva", city: "Lima" } }).text).toBe(
      "[form] customer.name: Eva\ncustomer.city: Lima",
    );
  });
});
