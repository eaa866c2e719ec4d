import { describe, expect, it } from "vitest";
import {
  chooseFinalTicket,
  decideLink,
  refuseEnding,
  type ConversationState,
  type LinkStep,
  type TicketLink,
} from "../src/index.ts";

const STATES: ConversationState[] = ["queued", "active", "expired", "closed", "failed"];
const ended = { by: "Ana", at: new Date("2026-11-23T10:00:00Z") };
const one = { ticketId: "t1", ticketNumber: 1 };
const two = { ticketId: "t2", ticketNumber: 2 };
const proposed: TicketLink = { ...one, link: "proposed" };
const confirmed: TicketLink = { ...one, link: "confirmed" };

const ACTIVE = {
  state: "active",
  ticketLink: "confirmed",
  needsTicket: true,
  ended: null,
  continuedById: null,
} as const;
const endingOf = (ending: "closed" | "finalised", more: object) =>
  refuseEnding(ending, { ...ACTIVE, ...more })?.code ?? null;

describe("ending a conversation", () => {
  it("closes an active one and finalises an expired one, and nothing else", () => {
    expect(STATES.map((state) => endingOf("closed", { state }))).toEqual([
      "conversation-waits",
      null,
      "conversation-expired",
      "conversation-closed",
      "conversation-closed",
    ]);
    expect(STATES.map((state) => endingOf("finalised", { state }))).toEqual([
      "conversation-waits",
      "conversation-not-open",
      null,
      "conversation-closed",
      "conversation-closed",
    ]);
  });

  it("needs a confirmed ticket link unless the group does not ask for one", () => {
    for (const ticketLink of [null, "proposed"]) {
      expect(endingOf("closed", { ticketLink })).toBe("ticket-needed");
      expect(endingOf("finalised", { ticketLink, state: "expired" })).toBe("ticket-needed");
      expect(endingOf("closed", { ticketLink, needsTicket: false })).toBeNull();
    }
  });

  it("tells who comes second who was first and when", () => {
    const refusal = refuseEnding("closed", { ...ACTIVE, state: "closed", ticketLink: null, ended });
    expect(refusal?.details).toEqual({ state: "closed", by: "Ana", at: "2026-11-23T10:00:00.000Z" });
  });
});

describe("an expired conversation from which a template has opened another", () => {
  const continued = { state: "expired", continuedById: "new" } as const;

  it("can only be finalised, and says so to who closes it", () => {
    expect(endingOf("finalised", continued)).toBeNull();
    expect(refuseEnding("closed", { ...ACTIVE, ...continued })?.details).toMatchObject({ allowed: ["finalise"] });
  });

  it("takes no step on its ticket link, and says where it goes on", () => {
    for (const step of [
      { kind: "propose", ticket: two },
      { kind: "link", ticket: two },
      { kind: "create", ticket: two },
    ]) {
      const decision = decideLink(step as LinkStep, { ...continued, link: proposed, ended: null });
      expect(decision).toMatchObject({
        refusal: { code: "conversation-continued", details: { continuedById: "new" } },
      });
    }
    for (const kind of ["confirm", "reject"] as const) {
      const decision = decideLink({ kind, ticketId: null }, { ...continued, link: proposed, ended: null });
      expect(decision).toMatchObject({ refusal: { code: "conversation-continued" } });
    }
  });

  it("is finalised with the ticket that is named, else its own, else the other one's", () => {
    expect(chooseFinalTicket(two, confirmed, null)).toEqual(two);
    expect(chooseFinalTicket(null, confirmed, { ...two, link: "confirmed" })).toMatchObject(one);
    expect(chooseFinalTicket(null, proposed, { ...two, link: "confirmed" })).toMatchObject(two);
    expect(chooseFinalTicket(null, proposed, { ...two, link: "proposed" })).toBeNull();
    expect(chooseFinalTicket(null, null, null)).toBeNull();
  });
});

describe("a ticket link", () => {
  const decide = (step: LinkStep, link: TicketLink, state: ConversationState = "active") => {
    const decision = decideLink(step, { state, link, ended, continuedById: null });
    if (decision.kind === "refuse") return decision.refusal.code;
    return decision.kind === "same" ? "same" : decision.link;
  };

  it("is proposed, and decided by an agent who saw which", () => {
    expect(decide({ kind: "propose", ticket: one }, null)).toEqual(proposed);
    expect(decide({ kind: "confirm", ticketId: "t1" }, proposed)).toEqual(confirmed);
    expect(decide({ kind: "reject", ticketId: null }, proposed)).toBeNull();
    expect(decide({ kind: "confirm", ticketId: "t2" }, proposed)).toBe("ticket-link-not-proposed");
    expect(decide({ kind: "reject", ticketId: "t2" }, proposed)).toBe("ticket-link-not-proposed");
    expect(decide({ kind: "confirm", ticketId: null }, null)).toBe("ticket-link-not-proposed");
  });

  it("that an agent decided is not replaced by a proposal or a new ticket, but put right by an agent", () => {
    expect(decide({ kind: "propose", ticket: two }, confirmed)).toBe("ticket-linked");
    expect(decide({ kind: "create", ticket: two }, confirmed)).toBe("ticket-linked");
    expect(decide({ kind: "confirm", ticketId: null }, confirmed)).toBe("ticket-linked");
    expect(decide({ kind: "reject", ticketId: null }, confirmed)).toBe("ticket-linked");
    expect(decide({ kind: "link", ticket: two }, confirmed)).toEqual({ ...two, link: "confirmed" });
    expect(decide({ kind: "create", ticket: two }, proposed)).toEqual({ ...two, link: "confirmed" });
  });

  it("said twice is the same, and nothing happens", () => {
    expect(decide({ kind: "propose", ticket: one }, proposed)).toBe("same");
    expect(decide({ kind: "propose", ticket: one }, confirmed)).toBe("same");
    expect(decide({ kind: "link", ticket: one }, confirmed)).toBe("same");
  });

  it("of a conversation that is over stays as it is", () => {
    for (const state of ["closed", "failed"] as const) {
      expect(decide({ kind: "link", ticket: two }, null, state)).toBe("conversation-closed");
    }
  });
});
