import { describe, expect, it } from "vitest";
import { createCatalogue, createCustomers, createRandom, mangle, MESSAGE_TYPES, STATUS_NAMES } from "../src/index.ts";

const channel = { accountId: "100", phoneNumberId: "200", displayPhoneNumber: "15550001111" };
const [customer] = createCustomers({ count: 1, random: createRandom(1), usernameShare: 0 });
const catalogue = createCatalogue({ customer: customer!, channel, at: 1_790_000_000_000, salt: "a" });

/** The fields of Meta's webhook reference, and the two of the override list whose shape nobody has published. */
const documentedFields = `account_alerts account_review_update account_settings_update account_update automatic_events
  business_capability_update business_username_updates calls consumer_profile flows group_lifecycle_update
  group_participants_update group_settings_update group_status_update history message_echoes
  message_template_components_update message_template_quality_update message_template_status_update messages
  messaging_handovers partner_solutions payment_configuration_update phone_number_name_update
  phone_number_quality_update security smb_app_state_sync smb_message_echoes standby template_category_update
  template_correct_category_detection user_preferences`.split(/\s+/);

describe("catalogue", () => {
  it("has every field that Meta documents, one that users report, and one of the future", () => {
    const fields = new Set(catalogue.map(({ field }) => field));

    expect([...fields].toSorted()).toEqual([...documentedFields, "telepathy", "user_id_update"].toSorted());
  });

  it("has every message type and status", () => {
    const names = catalogue.map(({ name }) => name);

    for (const type of MESSAGE_TYPES) expect(names).toContain(`message ${type}`);
    for (const status of STATUS_NAMES) expect(names.some((name) => name.startsWith(`status ${status}`))).toBe(true);
  });

  it("is JSON of Meta's envelope with distinct ids, and the same bytes for the same salt", () => {
    const ids = catalogue.filter(({ updates }) => updates.length === 1).map(({ updates }) => updates[0]?.id);

    for (const { body } of catalogue) expect(JSON.parse(body)).toMatchObject({ object: "whatsapp_business_account" });
    expect(new Set(ids).size).toBe(ids.length);
    const again = createCatalogue({ customer: customer!, channel, at: 1_790_000_000_000, salt: "a" });
    expect(again.map(({ body }) => body)).toEqual(catalogue.map(({ body }) => body));
  });

  it("writes template ids as bare numbers beyond 2^53", () => {
    const sample = catalogue.find(({ field }) => field === "message_template_status_update");

    expect(sample?.body).toContain('"message_template_id":9223372036854775783,');
  });

  it("writes escapes with lowercase digits, and leaves the phone out where Meta does not show it", () => {
    const [hidden] = createCustomers({ count: 1, random: createRandom(1), usernameShare: 1 });
    const samples = createCatalogue({ customer: hidden!, channel, at: 0, salt: "a" });
    const text = samples.find(({ name }) => name === "message sticker")!.body;

    expect(catalogue.find(({ name }) => name === "message with U+0000")?.body).toContain("antes\\u0000despu\\u00e9s");
    expect(text).toContain(hidden!.userId);
    expect(text).not.toMatch(/wa_id|"from"/);
  });
});

describe("mangle", () => {
  it("changes bodies in many ways, the same for the same seed, within a webhook's size", () => {
    const mangled = spoil();

    expect(
      mangled.filter((body, index) => body.toString("latin1") === catalogue[index % catalogue.length]!.body),
    ).toEqual([]);
    expect(mangled.map((body) => body.toString("hex"))).toEqual(spoil().map((body) => body.toString("hex")));
    expect(Math.max(...mangled.map((body) => body.byteLength))).toBeLessThan(4_000_000);
    const parseable = mangled.filter((body) => isJson(body.toString()));
    expect(parseable.length).toBeGreaterThan(40);
    expect(parseable.length).toBeLessThan(160);
  });
});

function spoil(): Buffer[] {
  const random = createRandom(11);
  return Array.from({ length: 200 }, (_, index) => mangle(catalogue[index % catalogue.length]!.body, random));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
