import { describe, expect, it } from "vitest";
import { placesOf, refuseMarketing, refuseTemplate, type Template } from "../src/index.ts";

const asked = { name: "order_update", language: "es" };
const template: Template = {
  ...asked,
  status: "APPROVED",
  components: [
    { type: "HEADER", format: "IMAGE" },
    { type: "BODY", text: "Hola {{1}}, tu pedido {{2}} está listo, {{1}}." },
    {
      type: "BUTTONS",
      buttons: [
        { type: "QUICK_REPLY", text: "Gracias" },
        { type: "URL", url: "https://example.com/{{1}}" },
      ],
    },
  ],
};
const header = { type: "header" as const, parameters: [{ type: "image" }] };
const body = { type: "body" as const, parameters: [{ type: "text" }, { type: "text" }] };
const button = { type: "button" as const, index: "1", parameters: [{ type: "text" }] };

/** A list that was read. */
const READ = { readAt: new Date(), failedSince: null, failure: null };

describe("a template message", () => {
  it("with all its parameters is let through", () => {
    expect(refuseTemplate(asked, template, [header, body, button], READ)).toBeNull();
  });

  it("that Meta does not know, or does not send, is refused before the call", () => {
    expect(refuseTemplate(asked, null, [], READ)).toMatchObject({ code: "template-unknown" });
    const failed = { readAt: null, failedSince: new Date("2026-11-27T10:00:00Z"), failure: "Graph said 401" };
    expect(refuseTemplate(asked, null, [], failed)).toMatchObject({
      code: "templates-unread",
      message: expect.stringMatching(/since 2026-11-27T10:00:00.000Z: Graph said 401/) as string,
    });
    expect(refuseTemplate(asked, null, [], null)).toMatchObject({ code: "templates-unread" });
    for (const status of ["PAUSED", "REJECTED", "DISABLED", "PENDING"]) {
      expect(refuseTemplate(asked, { ...template, status }, [], READ)).toMatchObject({
        code: "template-unusable",
        details: { status },
      });
    }
  });

  it.each([
    ["a missing header", [body, button], "header"],
    ["too few in the body", [header, { ...body, parameters: [] }, button], "body"],
    ["a button at the wrong place", [header, body, { ...button, index: 0 }], "button 1"],
  ])("with %s is refused, and told where", (_what, given, component) => {
    expect(refuseTemplate(asked, template, given, READ)).toMatchObject({
      code: "template-parameters",
      details: { component },
    });
  });

  it("with a parameter for nothing is refused", () => {
    const plain: Template = { ...template, components: [{ type: "BODY", text: "Hola" }] };
    expect(refuseTemplate(asked, plain, [body], READ)).toMatchObject({ details: { expected: 0, given: 2 } });
  });

  it("with named placeholders needs each name", () => {
    const named: Template = { ...template, components: [{ type: "BODY", text: "Hola {{name}}" }] };
    const give = (parameter_name: string) => [
      { type: "body" as const, parameters: [{ type: "text", parameter_name }] },
    ];
    expect(refuseTemplate(asked, named, give("name"), READ)).toBeNull();
    expect(refuseTemplate(asked, named, give("nombre"), READ)).toMatchObject({ details: { missing: "name" } });
  });

  it("says where it takes parameters, and which, so that a form can ask for them", () => {
    expect(placesOf(template)).toEqual([
      { type: "header", index: null, format: "image", placeholders: ["image"] },
      { type: "body", index: null, format: "text", placeholders: ["1", "2"] },
      { type: "button", index: 1, format: "text", placeholders: ["1"] },
    ]);
  });
});

describe("a marketing template", () => {
  const saidAt = new Date("2026-11-23T10:00:00Z");

  it("is refused for a customer who wants none, with since when; other templates and other customers are not", () => {
    const marketing = { name: "offer", category: "MARKETING" };
    expect(refuseMarketing({ ...marketing, isStopped: true, saidAt })).toMatchObject({
      code: "marketing-stopped",
      details: { since: "2026-11-23T10:00:00.000Z", allowed: ["utility"] },
    });
    expect(refuseMarketing({ ...marketing, category: "UTILITY", isStopped: true, saidAt })).toBeNull();
    expect(refuseMarketing({ ...marketing, isStopped: false, saidAt })).toBeNull();
    expect(refuseMarketing({ ...marketing, isStopped: false, saidAt: null })).toBeNull();
  });
});
