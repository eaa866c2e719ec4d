import { describe, expect, it } from "vitest";
import { writeTemplateText, type Template } from "../src/index.ts";

const components: Template["components"] = [
  { type: "HEADER", format: "TEXT", text: "Pedido {{1}}" },
  { type: "BODY", text: "Hola {{1}}, llega el {{2}}, {{1}}." },
  { type: "FOOTER", text: "Turno" },
  {
    type: "BUTTONS",
    buttons: [
      { type: "QUICK_REPLY", text: "Gracias" },
      { type: "URL", text: "Ver", url: "https://example.com/{{1}}" },
    ],
  },
];
const text = (value: string, name?: string) => ({
  type: "text",
  text: value,
  ...(name === undefined ? {} : { parameter_name: name }),
});

describe("a template's text", () => {
  it("is header, body and footer with their values, and each button by its name", () => {
    const said = writeTemplateText({ components }, [
      { type: "header", parameters: [text("12")] },
      { type: "body", parameters: [text("Eva"), { type: "date_time", date_time: { fallback_value: "lunes" } }] },
      { type: "button", index: 1, parameters: [text("abc")] },
    ]);
    expect(said).toBe("Pedido 12\nHola Eva, llega el lunes, Eva.\nTurno\n[Gracias]\n[Ver] https://example.com/abc");
  });

  it("has a value as it is: what looks like a placeholder in it is not filled again", () => {
    const body = { type: "body" as const, parameters: [text("{{2}} $& {{1}}"), text("lunes")] };
    const said = writeTemplateText({ components: [{ type: "BODY", text: "{{1}}: {{2}}" }] }, [body]);
    expect(said).toBe("{{2}} $& {{1}}: lunes");
  });

  it("takes values by their names, in any order", () => {
    const body = { type: "body" as const, parameters: [text("lunes", "day"), text("Eva", "who")] };
    const said = writeTemplateText({ components: [{ type: "BODY", text: "{{who}}, el {{ day }}" }] }, [body]);
    expect(said).toBe("Eva, el lunes");
  });

  it("names a header's picture or file, by its name or link where the message has one", () => {
    const image = { type: "HEADER", format: "IMAGE" };
    const header = (parameter: Record<string, unknown>) => [{ type: "header" as const, parameters: [parameter] }];
    const link = { type: "image", image: { link: "https://example.com/a.png" } };
    expect(writeTemplateText({ components: [image] }, header(link))).toBe("[image] https://example.com/a.png");
    expect(writeTemplateText({ components: [image] }, header({ type: "image", image: { id: "1" } }))).toBe("[image]");
  });

  it("holds nothing that a database refuses", () => {
    const body = { type: "body" as const, parameters: [text("a\0b\ud800")] };
    expect(writeTemplateText({ components: [{ type: "BODY", text: "{{1}}" }] }, [body])).toBe("a\uFFFDb\uFFFD");
  });
});
