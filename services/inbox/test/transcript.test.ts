import { describe, expect, it } from "vitest";
import { createTranscript } from "../src/closing/transcript.ts";
import type { MessageView } from "../src/lists/message-rows.ts";

const AT = "2026-11-23T10:00:00.000Z";
const message = (text: string, more: Partial<MessageView> = {}): MessageView => ({
  id: "1",
  direction: "in",
  kind: "text",
  sentAt: AT,
  wamid: null,
  send: null,
  text,
  content: {},
  editedAt: null,
  originalText: null,
  deletedAt: null,
  ...more,
});

const ours = (text: string, state: NonNullable<MessageView["send"]>["state"], error: unknown = null) =>
  message(text, { direction: "out", send: { id: "2", state, error, agentName: "Ana", automatic: null } });

const write = (...said: MessageView[]) => {
  const transcript = createTranscript();
  for (const one of said) transcript.add(one);
  return transcript.text().replaceAll(`${AT} `, "");
};

describe("a transcript", () => {
  it("says who said what and when, and leaves out what is for Meta alone", () => {
    const transcript = createTranscript();
    transcript.add(message("hola\nqué tal"));
    transcript.add(ours("Buenas", "read"));
    transcript.add(message("", { direction: "out", kind: "read" }));
    transcript.add(message("Mi recibo", { direction: "out" }));
    expect(transcript.text()).toBe(`${AT} customer: hola\nqué tal\n${AT} Ana: Buenas\n${AT} business: Mi recibo`);
  });

  it("says at each message what the customer did not get, or may not have got", () => {
    const refused = ours("uno", "failed", { code: 131_026, class: "C", message: "The number cannot be reached." });
    const said = write(refused, ours("dos", "failed"), ours("tres", "unknown"), ours("cuatro", "waiting"));
    expect(said.split("\n")).toEqual([
      "Ana: uno (not delivered: The number cannot be reached.)",
      "Ana: dos (not delivered)",
      "Ana: tres (nobody knows whether it was delivered)",
      "Ana: cuatro (not sent yet)",
    ]);
    for (const state of ["accepted", "sent", "delivered", "read", "played"] as const) {
      expect(write(ours("cinco", state))).toBe("Ana: cinco");
    }
  });

  it("has the last version of what the customer edited, and says what was deleted", () => {
    const edited = message("jueves", { editedAt: AT, originalText: "viernes" });
    expect(write(edited)).toBe("customer: jueves (edited)");
    expect(write({ ...edited, deletedAt: AT })).toBe("customer: jueves (edited) (deleted by the customer)");
  });

  it("holds nothing that a database refuses: no U+0000, no half of a surrogate pair, not even where a line is cut", () => {
    const said = write(message("a\u0000b\ud800c\u001b"), message(`${"x".repeat(4_999)}💶`));
    expect(said.isWellFormed()).toBe(true);
    expect(said).not.toMatch(/(?![\t\n])\p{Cc}/u);
    expect(said).toContain("a\ufffdb\ufffdc\ufffd");
  });

  it("cuts no message without a word", () => {
    expect(write(message("x".repeat(5_000)))).not.toContain("more characters");
    expect(write(message("x".repeat(5_012)))).toMatch(/x… \(12 more characters are in Turno\)$/);
  });

  it("stays below its length and says that there is more", () => {
    const transcript = createTranscript(200);
    const taken = Array.from({ length: 10 }, () => transcript.add(message("y".repeat(50))));
    expect(taken.filter(Boolean)).toHaveLength(2);
    expect(transcript.text()).toMatch(/all of it is in Turno\.\)$/);
  });
});
