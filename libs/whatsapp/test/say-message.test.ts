import { describe, expect, it } from "vitest";
import { sayMessage } from "../src/index.ts";

const interactive = (content: object) => sayMessage("interactive", { type: "interactive", interactive: content });

describe("what a customer's message says", () => {
  it.each([
    ["text", { text: { body: "hola\nqué tal" } }, "hola\nqué tal"],
    ["button", { button: { payload: "P", text: "Quiero seguir" } }, "[button] Quiero seguir"],
    ["image", { image: { id: "1", caption: "Mi recibo" } }, "[image] Mi recibo"],
    ["sticker", { sticker: { id: "1" } }, "[sticker]"],
    ["audio", { audio: { id: "1", voice: true } }, "[voice message]"],
    ["audio", { audio: { id: "1", voice: false } }, "[audio]"],
    [
      "document",
      { document: { id: "1", filename: "factura.pdf", caption: "La de mayo" } },
      "[document] factura.pdf: La de mayo",
    ],
    [
      "location",
      { location: { latitude: -23.5, longitude: -46.25, name: "Av. Paulista", address: "São Paulo" } },
      "[location] Av. Paulista, São Paulo (-23.5, -46.25)",
    ],
    ["location", { location: { latitude: 0, longitude: 0 } }, "[location] 0, 0"],
    ["location", { location: { url: "https://maps.example/1" } }, "[location] https://maps.example/1"],
    [
      "contacts",
      {
        contacts: [
          { name: { formatted_name: "Concha" }, phones: [{ phone: "+34 6" }, { wa_id: "347" }] },
          { name: { first_name: "Eva" }, emails: [{ email: "eva@example.com" }] },
        ],
      },
      "[contact] Concha, +34 6, 347\nEva, eva@example.com",
    ],
    [
      "order",
      {
        order: {
          text: "Para llevar",
          product_items: [
            { product_retailer_id: "empanada", quantity: 12, item_price: 1.75, currency: "EUR" },
            { product_retailer_id: "mate", quantity: "1" },
          ],
        },
      },
      "[order] 12 × empanada at 1.75 EUR\n1 × mate\nPara llevar",
    ],
    ["reaction", { reaction: { message_id: "m", emoji: "❤️" } }, "[reaction] ❤️"],
    ["reaction", { reaction: { message_id: "m" } }, "[reaction] taken back"],
    ["edit", { edit: { message: { type: "text", text: { body: "jueves" } } } }, "[edited] jueves"],
    ["edit", { edit: { message: { type: "image", image: { id: "1", caption: "otra" } } } }, "[edited] [image] otra"],
    ["revoke", { revoke: { original_message_id: "m" } }, "[deleted a message]"],
    ["system", { system: { body: "Security code changed" } }, "[notice] Security code changed"],
    ["system", { system: { type: "user_changed_number" } }, "[notice] user changed number"],
    ["system", { user_id: "ES.2" }, "[notice] user id update"],
    ["call", { event: "connect", direction: "USER_INITIATED" }, "[call] from the customer"],
    ["call", { status: "ACCEPTED" }, "[call] accepted by the customer"],
    ["call_end", { event: "terminate", duration: 42 }, "[call] ended after 42 s"],
    ["call_end", { event: "terminate" }, "[call] missed"],
    ["unsupported", { unsupported: { type: "poll_creation" } }, "[unsupported] poll_creation"],
    ["unknown", { errors: [{ title: "Message type unknown" }] }, "[unsupported] Message type unknown"],
    ["document", { errors: [{ code: 131_052, title: "Media download error" }] }, "[document] Media download error"],
    ["hologram", { hologram: { depth: 3 } }, "[hologram]"],
  ])("%s %j", (kind, payload, said) => {
    expect(sayMessage(kind, { type: kind, ...payload })).toBe(said);
  });

  it("is what was answered to an interactive message", () => {
    expect(interactive({ type: "button_reply", button_reply: { id: "1", title: "Sí" } })).toBe("[button] Sí");
    const row = { id: "3", title: "Martes", description: "con Zoë" };
    expect(interactive({ type: "list_reply", list_reply: row })).toBe("[list] Martes: con Zoë");
    expect(interactive({ type: "product", product: { product_retailer_id: "sku" } })).toBe("[product] sku");
    const permission = { response: "accept", is_permanent: false, expiration_timestamp: "1764633600" };
    expect(interactive({ type: "call_permission_reply", call_permission_reply: permission })).toBe(
      "[call permission] accept, until 2025-12-02T00:00:00.000Z",
    );
  });

  it("is each field and value of a form, without its token; broken JSON as it is", () => {
    const form = (response: string, name = "flow") =>
      interactive({ type: "nfm_reply", nfm_reply: { name, body: "Sent", response_json: response } });
    const filled = { flow_token: "secret", rating: 5, note: "¡Genial!", days: ["lu", "ma"], who: { name: "Eva" } };
    expect(form(JSON.stringify(filled))).toBe("[form] rating: 5\nnote: ¡Genial!\ndays: lu, ma\nwho.name: Eva");
    expect(form('{"rating":')).toBe('[form] {"rating":');
    expect(form(JSON.stringify({ values: { city: "Brasília" } }), "address_message")).toBe("[address] city: Brasília");
    expect(form(`${"[".repeat(50_000)}${"]".repeat(50_000)}`)).toContain("[form]");
  });

  it("names the advertisement or post that the customer came from", () => {
    const referral = { source_type: "ad", headline: "Dos por uno", source_url: "https://fb.example/1" };
    expect(sayMessage("text", { text: { body: "hola" }, referral })).toBe(
      "hola\n(came from an ad: Dos por uno, https://fb.example/1)",
    );
  });
});

describe("what a message of ours says", () => {
  it("is header, text, footer and each choice of an interactive message", () => {
    const said = interactive({
      type: "button",
      header: { type: "text", text: "Cita" },
      body: { text: "¿Le va bien?" },
      footer: { text: "Clínica" },
      action: { buttons: [{ reply: { id: "1", title: "Sí" } }, { reply: { id: "2", title: "No" } }] },
    });
    expect(said).toBe("Cita\n¿Le va bien?\nClínica\n[Sí]\n[No]");
    const list = { sections: [{ title: "Horas", rows: [{ id: "1", title: "15 h", description: "Zoë" }] }] };
    expect(interactive({ type: "list", body: { text: "Elija" }, action: list })).toBe("Elija\n[15 h: Zoë]");
    const link = { name: "cta_url", parameters: { display_text: "Ver", url: "https://example.com" } };
    expect(interactive({ type: "cta_url", body: { text: "Mire" }, action: link })).toBe(
      "Mire\n[Ver https://example.com]",
    );
    expect(interactive({ type: "location_request_message" })).toBe("[location_request_message]");
  });

  it("is a file by its name, link and caption", () => {
    const document = { link: "https://example.com/a.pdf", filename: "a.pdf", caption: "La suya" };
    expect(sayMessage("document", { document })).toBe("[document] a.pdf, https://example.com/a.pdf: La suya");
  });
});

const KINDS =
  "text button image audio document location contacts order interactive reaction template system edit revoke call call_end " +
  "unsupported unknown hologram __proto__ constructor";

describe("any payload, whatever its shape,", () => {
  it("has words, and never is an error", () => {
    const odd = [null, 1, [], "x", {}, { text: null }, { text: { body: 5 } }, { contacts: [null, 1, { phones: 3 }] }];
    for (const kind of KINDS.split(" ")) {
      for (const payload of odd) expect(sayMessage(kind, payload)).toMatch(/./);
      for (const content of odd) expect(sayMessage(kind, { [kind]: content })).toMatch(/./);
    }
  });
});
