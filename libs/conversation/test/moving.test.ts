import { describe, expect, it } from "vitest";
import { refuseMovedAway, refuseWhereItIs, type Asker, type Move } from "../src/index.ts";

const at = new Date("2026-11-23T10:00:00Z");
const ana: Asker = { kind: "agent", agentId: "ana", role: "agent", groupIds: ["g"] };
const outsider: Asker = { ...ana, agentId: "outsider", groupIds: ["other"] };
const from = (agentId: string | null): Move => ({ by: "Bruno", at, from: { agentId, groupId: "g" } });
const told = { by: "Bruno", at: "2026-11-23T10:00:00.000Z" };

describe("a transfer of what is not the asker's any more", () => {
  it("tells whose it was until then who transferred it and when", () => {
    expect(refuseMovedAway(ana, from("ana"), false)).toMatchObject({ code: "conversation-moved", details: told });
    expect(refuseMovedAway(ana, from(null), false)).toMatchObject({ code: "conversation-moved", details: told });
  });

  it("tells nobody else, and nobody what it might not have done before either", () => {
    expect(refuseMovedAway(outsider, from(null), false)).toBeNull();
    expect(refuseMovedAway(ana, from("carla"), false)).toBeNull();
    expect(refuseMovedAway(ana, from("ana"), true)).toBeNull();
    expect(refuseMovedAway(ana, null, false)).toBeNull();
  });
});

describe("a transfer to where the conversation is", () => {
  it("tells who brought it there and when", () => {
    const toAgent = refuseWhereItIs({ agentId: "carla", groupId: "g" }, from("ana"));
    expect(toAgent).toMatchObject({ code: "same-agent", details: { ...told, agentId: "carla" } });
    const toGroup = refuseWhereItIs({ agentId: null, groupId: "g" }, from("ana"));
    expect(toGroup).toMatchObject({ code: "same-group", details: { ...told, groupId: "g" } });
  });
});
