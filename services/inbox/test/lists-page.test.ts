import { ROLE_NAMES, type Role } from "@turno/conversation";
import { describe, expect, it } from "vitest";
import { createFormWriter } from "../src/console/form.ts";
import { writeLists } from "../src/console/lists.ts";
import type { Me, Page } from "../src/console/read-page.ts";

const NOTHING: Me["scopes"] = {
  read: "none",
  claim: "none",
  "list-queue": "none",
  "set-availability": "none",
  "join-contacts": "none",
  "start-conversation": "none",
};
const GROUP = { id: "g", name: "Support", distribution: "manual" as const, waiting: 1, longestWaitMs: 1_000 };
const COLLEAGUE = { id: "b", name: "Bea", availability: "available" as const, active: 0, capacity: null };
const WAITING = {
  conversationId: "c",
  contactId: "k",
  contactName: "Eva",
  phoneNumberId: "123",
  position: 1,
  waitedMs: 1_000,
  waitingSince: null,
  isHeldBack: false,
};

async function write(role: Role, scopes: Partial<Me["scopes"]>, waiting = WAITING): Promise<string> {
  const page: Page = {
    me: { agentId: "a", role, scopes: { ...NOTHING, ...scopes } },
    groups: [{ ...GROUP, agents: [COLLEAGUE] }],
    queues: new Map([["g", [waiting]]]),
    outsideHours: new Map([["g", { until: "2026-11-30T08:00:00.000Z" }]]),
    active: [],
    expired: [],
    opened: null,
    screen: null,
    first: null,
    query: {},
    refused: null,
  };
  return String(await writeLists(page, createFormWriter(null)));
}

async function show(role: Role, scopes: Partial<Me["scopes"]>) {
  const text = await write(role, scopes);
  const has = (words: string) => text.includes(words);
  return {
    claims: has("Claim Eva") && has("Take the next one of Support"),
    sets: has("Set away: Bea"),
    others: has("With others"),
  };
}

describe("the console's lists", () => {
  it("say until when nobody is given what waits, because the group does not work", async () => {
    expect(await write("agent", {})).toContain("Given to nobody: outside business hours until 2026-11-30 08:00 UTC.");
  });

  it("say of what waits that nobody is given it any more, where that is so", async () => {
    const says = async (isHeldBack: boolean) =>
      (await write("agent", {}, { ...WAITING, isHeldBack })).includes("nobody answered: claim it");
    expect(await Promise.all([says(true), says(false)])).toEqual([true, false]);
  });

  it.each(ROLE_NAMES)("offer what the API says in scopes and nothing else, also to the role %s", async (role) => {
    const none = { claims: false, sets: false, others: false };
    expect(await show(role, {})).toEqual(none);
    expect(await show(role, { claim: ["g"] })).toEqual({ ...none, claims: true });
    expect(await show(role, { claim: ["h"], "set-availability": ["h"] })).toEqual(none);
    expect(await show(role, { "set-availability": ["g"] })).toEqual({ ...none, sets: true });
    expect(await show(role, { "set-availability": "all" })).toEqual({ ...none, sets: true });
    expect(await show(role, { read: ["g"] })).toEqual({ ...none, others: true });
    expect(await show(role, { read: "all" })).toEqual({ ...none, others: true });
  });
});
