import { describe, expect, it } from "vitest";
import { decideLink, refuseEnding, type ConversationState, type LinkStep, type TicketLink } from "../src/index.ts";

const STATES: ConversationState[] = ["queued", "active", "expired", "closed", "failed"];
const ended = { by: "Ana", at: new Date("2026-11-23T10:00:00Z") };
const one = { ticketId: "t1", ticketNumber: 1 };
const two = { ticketId: "t2", ticketNumber: 2 };
const proposed: TicketLink = { ...one, link: "proposed" };
const confirmed: TicketLink = { ...one, link: "confirmed" };

const endingOf = (ending: "closed" | "finalised", more: object) =>
  refuseEnding(ending, { state: "active", ticketLink: "confirmed", needsTicket: true, ended: null, ...more })?.code ??
  null;

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
    const refusal = refuseEnding("closed", { state: "closed", ticketLink: null, needsTicket: true, ended });
    expect(refusal?.details).toEqual({ state: "closed", by: "Ana", at: "2026-11-23T10:00:00.000Z" });
  });
});

describe("a ticket link", () => {
  const decide = (step: LinkStep, link: TicketLink, state: ConversationState = "active") => {
    const decision = decideLink(step, { state, link, ended });
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
