import { describe, expect, it } from "vitest";
import { outgoingMessageSchema } from "../src/index.ts";

const body = { text: "¿Qué prefiere?" };
const button = (id: string, title = id) => ({ type: "reply", reply: { id, title } });
const rows = (count: number, prefix = "row") =>
  Array.from({ length: count }, (_, index) => ({ id: `${prefix}${index}`, title: `${prefix} ${index}` }));
const list = (sections: object[]) => ({ type: "list", body, action: { button: "Ver", sections } });
const products = (count: number) => ({
  product_items: Array.from({ length: count }, (_, index) => ({ product_retailer_id: `sku${index}` })),
});
const flow = (parameters: object) => ({
  type: "flow",
  body,
  action: { name: "flow", parameters: { flow_message_version: "3", flow_cta: "Abrir", ...parameters } },
});

/** What is wrong with a message, as `path: rule`; empty where it may be asked for. */
function faultsOf(message: object): string[] {
  const parsed = outgoingMessageSchema.safeParse(message);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message: rule }) => `${path.join(".")}: ${rule}`);
}
const interactive = (object: object) => faultsOf({ type: "interactive", interactive: object });

describe("interactive messages", () => {
  it.each([
    {
      type: "button",
      header: { type: "text", text: "Hola" },
      body,
      footer: { text: "Turno" },
      action: { buttons: [button("a"), button("b")] },
    },
    list([
      { title: "Uno", rows: rows(5, "a") },
      { title: "Dos", rows: rows(5, "b") },
    ]),
    {
      type: "cta_url",
      body,
      action: { name: "cta_url", parameters: { display_text: "Ver", url: "https://example.com" } },
    },
    flow({ flow_id: "1", flow_action: "navigate" }),
    flow({ flow_name: "alta" }),
    { type: "product", action: { catalog_id: "1", product_retailer_id: "sku" } },
    {
      type: "product_list",
      header: { type: "text", text: "Hoy" },
      body,
      action: { catalog_id: "1", sections: [{ title: "Pan", ...products(30) }] },
    },
    {
      type: "catalog_message",
      body,
      action: { name: "catalog_message", parameters: { thumbnail_product_retailer_id: "sku" } },
    },
    { type: "location_request_message", body, action: { name: "send_location" } },
    { type: "address_message", body, action: { name: "address_message", parameters: { country: "IN" } } },
    { type: "request_contact_info", body, action: { name: "request_contact_info" } },
    { type: "voice_call", body, action: { name: "voice_call", parameters: { display_text: "Llamar" } } },
    { type: "call_permission_request", body, action: { name: "call_permission_request" } },
    { type: "order_details", body, action: { name: "review_and_pay", parameters: { reference_id: "1" } } },
    { type: "order_status", body, action: { name: "review_order", parameters: { reference_id: "1" } } },
    { type: "carousel", body, action: { cards: [{}, {}] } },
  ])("of the kind $type may be asked for as Meta describes them", (object) => {
    expect(interactive(object)).toEqual([]);
  });

  it.each([
    ["no kind that Meta knows", { type: "poll", body, action: {} }, /^interactive\.type: /],
    ["no body", { type: "button", action: { buttons: [button("a")] } }, /^interactive\.body: /],
    [
      "a body that is too long",
      { type: "button", body: { text: "x".repeat(1025) }, action: { buttons: [button("a")] } },
      /^interactive\.body\.text: /,
    ],
    [
      "four buttons",
      { type: "button", body, action: { buttons: ["a", "b", "c", "d"].map((id) => button(id)) } },
      /^interactive\.action\.buttons: /,
    ],
    [
      "two buttons of one title",
      { type: "button", body, action: { buttons: [button("a", "Sí"), button("b", "Sí")] } },
      /must have a title each of its own/,
    ],
    [
      "a button's title of 21",
      { type: "button", body, action: { buttons: [button("a", "x".repeat(21))] } },
      /^interactive\.action\.buttons\.0\.reply\.title: /,
    ],
    [
      "eleven rows",
      list([
        { title: "Uno", rows: rows(6, "a") },
        { title: "Dos", rows: rows(5, "b") },
      ]),
      /at most 10 rows in all/,
    ],
    ["two sections without titles", list([{ rows: rows(1, "a") }, { rows: rows(1, "b") }]), /must each have a title/],
    ["two rows of one id", list([{ rows: [...rows(1), ...rows(1)] }]), /rows with an id each of its own/],
    ["a flow without a name or an id", flow({}), /either flow_id or flow_name/],
    ["a flow with both", flow({ flow_id: "1", flow_name: "alta" }), /either flow_id or flow_name/],
    [
      "31 products",
      {
        type: "product_list",
        header: { type: "text", text: "Hoy" },
        body,
        action: { catalog_id: "1", sections: [products(31)] },
      },
      /at most 30 products in all/,
    ],
    [
      "a list of products without a header",
      { type: "product_list", body, action: { catalog_id: "1", sections: [products(1)] } },
      /^interactive\.header: /,
    ],
    [
      "a link that is none",
      { type: "cta_url", body, action: { name: "cta_url", parameters: { display_text: "Ver", url: "example" } } },
      /^interactive\.action\.parameters\.url: /,
    ],
  ])("with %s are refused with the member's name", (_what, object, fault) => {
    expect(interactive(object).join("\n")).toMatch(fault);
  });
});

describe("places and people", () => {
  it("may be sent, with a place on earth and a name for each contact", () => {
    const place = {
      type: "location",
      latitude: -34.6,
      longitude: -58.4,
      name: "Oficina",
      address: "Av. Siempre Viva 1",
    };
    expect(faultsOf(place)).toEqual([]);
    expect(faultsOf({ ...place, latitude: 91 })[0]).toMatch(/^latitude: /);
    const card = { name: { formatted_name: "Marta Ruiz", first_name: "Marta" }, phones: [{ phone: "+15550001" }] };
    expect(faultsOf({ type: "contacts", contacts: [card] })).toEqual([]);
    expect(faultsOf({ type: "contacts", contacts: [{ phones: [] }] })[0]).toMatch(/^contacts\.0\.name: /);
    expect(faultsOf({ type: "contacts", contacts: [] })[0]).toMatch(/^contacts: /);
  });
});
