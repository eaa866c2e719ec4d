import { describe, expect, it } from "vitest";
import { audienceOf, concerns, type Asker } from "../src/index.ts";

type AgentAsker = Extract<Asker, { kind: "agent" }>;
const agent: AgentAsker = { kind: "agent", role: "agent", agentId: "a", groupIds: ["g"] };
const operator: AgentAsker = { ...agent, role: "operator", agentId: "o" };
const admin: AgentAsker = { ...agent, role: "admin", agentId: "x", groupIds: [] };

describe("whom an event concerns", () => {
  const place = { groupId: "g", ownerIds: ["b"], nextTransfer: null };

  it("is who had the conversation, the operators of its group, and admins", () => {
    const read = audienceOf("message.read", {}, place);
    expect(
      [agent, operator, admin, { ...agent, agentId: "b", groupIds: [] }].map((one) => concerns(read, one)),
    ).toEqual([false, true, true, true]);
  });

  it("is every member of a group whose queue it changes", () => {
    expect(concerns(audienceOf("conversation.opened", { groupId: "g" }, place), agent)).toBe(true);
    const toQueue = { from: { groupId: "h", agentId: "b" }, to: { groupId: "g", agentId: null } };
    expect(concerns(audienceOf("conversation.transferred", toQueue, { ...place, groupId: "z" }), agent)).toBe(true);
    expect(concerns(audienceOf("conversation.expired", { agentId: "b" }, place), agent)).toBe(false);
  });

  it("is told from where the conversation was, not from where it went since", () => {
    const moved = { groupId: "z", ownerIds: [], nextTransfer: { from: { groupId: "g" } } };
    expect(audienceOf("message.received", {}, moved).groupIds).toEqual(["g"]);
  });
});
