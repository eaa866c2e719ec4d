import { inboundUpdateSchema } from "@turno/contracts";
import { expect, test } from "vitest";
import { delivery, OTHER_FIELDS, readWritten, splitRaw, value } from "./fixtures/deliveries.ts";
import { createMangler, scalarsOf } from "./fixtures/mangler.ts";
import { contact, message, EXAMPLE_TYPES, status } from "./fixtures/messages.ts";

const SEED = Number(process.env["TEST_SEED"] ?? Date.now() % 1_000_000);

const whole = delivery(
  {
    field: "messages",
    value: value({
      contacts: [contact()],
      messages: EXAMPLE_TYPES.map((type) => message(type)),
      statuses: ["sent", "delivered", "read", "played", "failed"].map((name) => status(name)),
      errors: [{ code: 1 }],
    }),
  },
  ...OTHER_FIELDS.map((example) => ({ field: example.field, value: example.value })),
);

/** What the lines do not repeat, because it is the same in every delivery, or is a part of a key. */
const CONSTANTS = new Set<unknown>(["whatsapp", "whatsapp_business_account"]);

test(`2,000 mangled deliveries are taken without an exception, and nothing of them is lost (TEST_SEED=${SEED})`, () => {
  const faults: unknown[] = [];
  for (let round = 0; round < 2_000; round++) {
    const body = createMangler(SEED + round).mangleStructure(whole);
    const lines = splitRaw(JSON.stringify(body)).map(readWritten);
    const kept = new Set<unknown>();
    for (const line of lines) {
      if (!inboundUpdateSchema.safeParse(line).success) faults.push({ round, line });
      scalarsOf([line.field, line.accountId, line.metadata, line.contacts, line.update], kept);
    }
    for (const scalar of scalarsOf(body, new Set())) {
      if (!kept.has(scalar) && !CONSTANTS.has(scalar)) faults.push({ round, lost: scalar });
    }
  }
  expect(faults).toEqual([]);
}, 60_000);

test(`1,000 bodies with damaged bytes are taken without an exception (TEST_SEED=${SEED})`, () => {
  const bytes = Buffer.from(JSON.stringify(whole));
  const faults: unknown[] = [];
  for (let round = 0; round < 1_000; round++) {
    const body = createMangler(SEED + round).mangleBytes(bytes);
    const updates = splitRaw(body);
    if (updates.length === 0) faults.push({ round, lost: "everything" });
    if (updates.some((update) => update.json.includes("\n"))) faults.push({ round, found: "a line feed" });
    const [raw] = updates.map(readWritten).filter((line) => line.key.startsWith("body:-:"));
    const kept = raw?.update;
    if (typeof kept === "string" && kept !== body.toString("utf8")) faults.push({ round, changed: kept });
  }
  expect(faults).toEqual([]);
}, 60_000);
