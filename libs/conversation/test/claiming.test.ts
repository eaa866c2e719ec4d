import { describe, expect, it } from "vitest";
import { refuseClaim, refuseMoving, refuseOpening, refuseReceiver, refuseTaken, type Asker } from "../src/index.ts";

const service: Asker = { kind: "service", name: "developer", groupIds: "all" };
const agent = { agentId: "a", name: "Ana", capacity: 2, activeCount: 1, groupIds: ["g"] };
const receiver = { ...agent, availability: "available" as const, presentUntil: null };
const now = new Date(0);

describe("who may claim", () => {
  it("is a member with room, by itself or by who may act for it", () => {
    expect(refuseClaim(service, agent, "g")).toBeNull();
    expect(refuseClaim({ kind: "agent", role: "agent", agentId: "a", groupIds: ["g"] }, agent, "g")).toBeNull();
    expect(refuseClaim(service, agent, "h")?.code).toBe("not-a-member");
    expect(refuseClaim(service, { ...agent, activeCount: 2 }, "g")?.code).toBe("agent-full");
    const other: Asker = { kind: "agent", role: "agent", agentId: "b", groupIds: ["g"] };
    expect(refuseClaim(other, { ...agent, activeCount: 2 }, "h")?.code).toBe("not-permitted");
  });

  it("is in one of the program's own groups where a program claims, also for an agent of more groups", () => {
    const program: Asker = { kind: "service", name: "bot", groupIds: ["g"] };
    const ofBoth = { ...agent, groupIds: ["g", "h"] };
    expect(refuseClaim(program, ofBoth, "g")).toBeNull();
    expect(refuseClaim(program, ofBoth, "h")?.code).toBe("not-permitted");
  });

  it("may not pass its capacity by a template either, unless who may force a transfer forces it", () => {
    const full = { ...agent, activeCount: 2 };
    const expired = { state: "expired", agentId: "a", groupId: "g" } as const;
    const own: Asker = { kind: "agent", role: "agent", agentId: "a", groupIds: ["g"] };
    const operator: Asker = { ...own, role: "operator", agentId: "o" };
    expect(refuseOpening(own, agent, expired, false)).toBeNull();
    expect(refuseOpening(own, full, expired, false)).toMatchObject({
      code: "agent-full",
      details: { activeCount: 2, capacity: 2 },
    });
    expect(refuseOpening(own, full, expired, true)?.code).toBe("not-permitted");
    expect(refuseOpening(operator, full, expired, true)).toBeNull();
    expect(refuseOpening({ ...operator, groupIds: ["h"] }, full, expired, true)?.code).toBe("not-permitted");
  });

  it("learns who was first and since when, or what became of the conversation", () => {
    const taken = refuseTaken({ state: "active", agentId: "b", agentName: "Ben", assignedAt: now });
    expect(taken).toMatchObject({ code: "conversation-taken", details: { by: "Ben", at: now.toISOString() } });
    const closed = refuseTaken({ state: "closed", agentId: "b", agentName: "Ben", assignedAt: now });
    expect(closed).toMatchObject({ code: "conversation-not-open", details: { state: "closed" } });
  });
});

describe("a transfer", () => {
  it("moves only what is open", () => {
    expect(["queued", "active"].map(refuseMoving)).toEqual([null, null]);
    expect(["expired", "closed", "failed"].map((state) => refuseMoving(state)?.code)).toEqual(
      Array.from({ length: 3 }, () => "conversation-not-open"),
    );
  });

  it("goes to a member who is available, present where the group asks for it, and has room", () => {
    const group = { id: "g", presence: "ignored" as const };
    expect(refuseReceiver(receiver, group, now)).toBeNull();
    expect(refuseReceiver(receiver, { ...group, id: "h" }, now)?.code).toBe("not-a-member");
    expect(refuseReceiver({ ...receiver, availability: "away" }, group, now)?.code).toBe("agent-away");
    expect(refuseReceiver(receiver, { ...group, presence: "required" }, now)?.code).toBe("agent-absent");
    expect(refuseReceiver({ ...receiver, activeCount: 2 }, group, now)?.code).toBe("agent-full");
  });
});
