import { describe, expect, it } from "vitest";
import { createCustomers, createRandom, serialise, signBody } from "../src/index.ts";
import { createLedger } from "../src/ledger.ts";

const bytes = ({ heapUsed, arrayBuffers }: NodeJS.MemoryUsage) => heapUsed + arrayBuffers;

describe("signature", () => {
  it("is the HMAC of the bytes under the app secret, by the known vectors", () => {
    const body = '{"object":"whatsapp_business_account","entry":[]}';

    expect(signBody(body, "test_app_secret")).toBe(
      "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756",
    );
    expect(signBody(body, "otro_secreto")).toBe(
      "sha256=769b03d8c2ae6498f2d1e1f7299c0ba55448c69d741e7b0bb243d852d8a8d8c7",
    );
  });
});

describe("serialise", () => {
  it("escapes what is not ASCII and slashes, and reads back as it was", () => {
    const value = { text: "ä/😀\u0000", nested: [null, 1.5, true] };

    expect(serialise(value)).toBe('{"text":"\\u00e4\\/\\ud83d\\ude00\\u0000","nested":[null,1.5,true]}');
    expect(JSON.parse(serialise(value))).toEqual(value);
  });
});

describe("customers", () => {
  it("have phones and user ids of their own, and only those without username show their phone", () => {
    const customers = createCustomers({ count: 20_000, random: createRandom(1), usernameShare: 0.25 });

    expect(new Set(customers.map(({ phone }) => phone)).size).toBe(20_000);
    expect(new Set(customers.map(({ userId }) => userId)).size).toBe(20_000);
    expect(customers.every(({ phoneVisible, username }) => phoneVisible === (username === null))).toBe(true);
    expect(customers.filter(({ phoneVisible }) => !phoneVisible).length / 20_000).toBeCloseTo(0.25, 1);
  });
});

describe("ledger", () => {
  it("keeps a million updates apart in a few bytes each", () => {
    const ledger = createLedger("salt");
    const before = process.memoryUsage();

    for (let index = 0; index < 1_000_000; index++) {
      ledger.add({ kind: index % 2 === 0 ? "message" : "read", customer: index % 300, ordinal: index });
      ledger.markSent(index);
      if (index % 3 === 0) ledger.markAccepted(index, 5);
    }

    expect((bytes(process.memoryUsage()) - bytes(before)) / 1_000_000).toBeLessThan(120);
    expect(ledger.acceptedCount).toBe(333_334);
    expect(ledger.entryAt(999_999)).toMatchObject({
      kind: "read",
      customer: 99,
      ordinal: 999_999,
      sentCount: 1,
      acceptedAt: 5,
    });
    expect(ledger.idAt(1)).toMatch(/^wamid\.[\w+/]+=*:read$/);
    expect(ledger.idAt(0)).not.toBe(ledger.idAt(2));
  });
});
