import { describe, expect, it } from "vitest";
import { createTranscript } from "../src/closing/transcript.ts";

const message = (payload: unknown, kind = "text", direction: "in" | "out" = "in") => ({
  id: "1",
  direction,
  kind,
  sentAt: new Date("2026-11-23T10:00:00Z"),
  payload: JSON.stringify(payload),
});

describe("a transcript", () => {
  it("says who said what and when, and names what has no words", () => {
    const transcript = createTranscript();
    transcript.add(message({ type: "text", text: { body: "hola\nqué tal" } }));
    transcript.add(message({ type: "template", template: { name: "order_update" } }, "template", "out"));
    transcript.add(message({ type: "image", image: { id: "1", caption: "mi recibo" } }, "image"));
    transcript.add(message({ type: "sticker", sticker: { id: "1" } }, "sticker"));
    transcript.add(message({ type: "interactive", interactive: { list_reply: { title: "Sí" } } }, "interactive"));
    transcript.add(message({ status: "read" }, "read", "out"));
    expect(transcript.text().replaceAll("2026-11-23T10:00:00.000Z ", "")).toBe(
      "customer: hola\nqué tal\nbusiness: [template] order_update\ncustomer: [image] mi recibo\n" +
        "customer: [sticker]\ncustomer: [interactive] Sí",
    );
  });

  it("holds nothing that a database refuses: no U+0000, no half of a surrogate pair, not even where a line is cut", () => {
    const transcript = createTranscript();
    transcript.add(message({ text: { body: "a\u0000b\ud800c\u001b" } }));
    transcript.add(message({ text: { body: `${"x".repeat(4_999)}💶` } }));
    expect(transcript.text().isWellFormed()).toBe(true);
    expect(transcript.text()).not.toMatch(/(?![\t\n])\p{Cc}/u);
    expect(transcript.text()).toContain("a\ufffdb\ufffdc\ufffd");
  });

  it("stays below its length and says that there is more", () => {
    const transcript = createTranscript(200);
    const taken = Array.from({ length: 10 }, () => transcript.add(message({ text: { body: "y".repeat(50) } })));
    expect(taken.filter(Boolean)).toHaveLength(2);
    expect(transcript.text()).toMatch(/all of it is in Turno\.\)$/);
  });

  it("takes any payload, whatever its shape", () => {
    const transcript = createTranscript();
    for (const payload of [null, 1, [], "text", { text: null }, { text: { body: 5 } }, { interactive: [] }]) {
      expect(transcript.add(message(payload))).toBe(true);
    }
  });
});
