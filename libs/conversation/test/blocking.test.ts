import { describe, expect, it } from "vitest";
import { endAsSpam, mayBlock, mayCloseAsSpam, planJoin, refuseSpamBy, type Asker, type Role } from "../src/index.ts";
import type { JoiningConversation, JoiningContact } from "../src/joining.ts";

const person = (role: Role, agentId: string, ...groupIds: string[]): Asker => ({
  kind: "agent",
  agentId,
  role,
  groupIds,
});
const program = (...groupIds: string[]): Asker => ({ kind: "service", name: "bot", groupIds });
const held = { agentId: "a", groupId: "g", state: "active" as const };

describe("who may end a conversation of group g as spam", () => {
  it.each([
    { who: "its agent", asker: person("agent", "a", "g"), isLet: true, isNot: false },
    { who: "a colleague", asker: person("agent", "b", "g"), isLet: false, isNot: false },
    { who: "its operator", asker: person("operator", "o", "g"), isLet: true, isNot: true },
    { who: "an operator of another group", asker: person("operator", "o", "h"), isLet: false, isNot: false },
    { who: "that one, to whom it was given", asker: person("operator", "a", "h"), isLet: true, isNot: false },
    { who: "an admin", asker: person("admin", "x"), isLet: true, isNot: true },
    { who: "a program of the group", asker: program("g"), isLet: true, isNot: true },
    { who: "another group's program", asker: program("h"), isLet: false, isNot: false },
  ])("$who: $isLet where the group lets its agents, else $isNot", ({ asker, isLet, isNot }) => {
    for (const [agentsMayCloseAsSpam, may] of [
      [true, isLet],
      [false, isNot],
    ] as const) {
      const refusal = refuseSpamBy(asker, { ...held, agentsMayCloseAsSpam });
      expect(refusal?.code ?? null).toBe(may ? null : "not-permitted");
      expect(mayCloseAsSpam(asker, { ...held, agentsMayCloseAsSpam })).toBe(may);
    }
  });

  it("is offered to nobody once it is not open, and tells who ended it", () => {
    const admin = person("admin", "x");
    for (const state of ["closed", "failed"] as const) {
      expect(mayCloseAsSpam(admin, { ...held, state, agentsMayCloseAsSpam: true })).toBe(false);
      expect(endAsSpam(state, { by: "Ana", at: new Date(0) })).toMatchObject({
        code: "conversation-closed",
        details: { by: "Ana" },
      });
    }
    expect(mayCloseAsSpam(admin, { ...held, state: "expired", agentsMayCloseAsSpam: true })).toBe(false);
    expect(endAsSpam("expired", null)).toBe("finalised");
    for (const state of ["queued", "active"] as const) expect(endAsSpam(state, null)).toBe("closed");
  });

  it("does not let an agent block, whatever its group lets it do", () => {
    expect(mayBlock(person("agent", "a", "g"), "g")).toBe(false);
    expect(mayBlock(person("operator", "o", "g"), "g")).toBe(true);
    expect(mayBlock(person("operator", "o", "h"), "g")).toBe(false);
    expect(mayBlock(person("admin", "x"), "g")).toBe(true);
  });
});

describe("two contacts who become one", () => {
  const contact = (id: string, createdAt: number, blockedAt: Date | null): JoiningContact => ({
    id,
    userId: id,
    userIdAt: null,
    phone: null,
    phoneKey: null,
    phoneAt: null,
    name: null,
    username: null,
    namedAt: null,
    sequence: 0,
    createdAt: new Date(createdAt),
    blockedAt,
  });
  const conversation = (id: string, channelId: string, state: JoiningConversation["state"]): JoiningConversation => ({
    id,
    channelId,
    state,
    openedAt: new Date(0),
    sessionEndsAt: null,
    sessionClosedAt: null,
    waitingSince: null,
    waitingNotedAt: null,
  });
  const [early, late] = [new Date(1_000), new Date(2_000)];

  it("are blocked since the first of them was, and nothing stays open", () => {
    const all = [
      conversation("one", "c", "active"),
      conversation("two", "c", "queued"),
      conversation("three", "d", "queued"),
      conversation("four", "d", "expired"),
    ];
    const spamIds = ["one", "three"];
    const plan = (older: Date | null, newer: Date | null) =>
      planJoin([contact("younger", 9, newer), contact("older", 1, older)], all);
    expect(plan(null, null).block).toBeNull();
    expect(plan(early, null).block).toEqual({ at: early, isNew: false, spamIds });
    expect(plan(null, late).block).toEqual({ at: late, isNew: true, spamIds });
    expect(plan(late, early).block).toEqual({ at: early, isNew: false, spamIds });
    expect(plan(early, late).block).toEqual({ at: early, isNew: false, spamIds });
    expect(plan(early, null).ended).toEqual([{ id: "two", intoId: "one" }]);
  });
});
