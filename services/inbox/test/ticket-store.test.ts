import { describe, expect, it } from "vitest";
import { createMemoryTicketStore } from "./memory-ticket-store.ts";
import { TICKET_STORE_RULES } from "./ticket-store-conformance.ts";

describe("the ticket store in memory", () => {
  it.each(TICKET_STORE_RULES)("$name", async ({ expectHeld }) => {
    let ids = 0;
    const createId = () => `00000000-0000-7000-8000-${String(++ids).padStart(12, "0")}`;
    const requesterId = createId();
    await expectHeld(
      createMemoryTicketStore(() => new Date(), createId),
      requesterId,
    );
    expect(ids).toBeGreaterThan(1);
  });
});
