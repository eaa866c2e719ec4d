import { describe, expect, it } from "vitest";
import { refuseMovedAway, refuseSame, refuseWhereItIs, type Asker, type Move } from "../src/index.ts";

const at = new Date("2026-11-23T10:00:00Z");
const ana: Asker = { kind: "agent", agentId: "ana", role: "agent", groupIds: ["g"] };
const outsider: Asker = { ...ana, agentId: "outsider", groupIds: ["other"] };
const queue = { agentId: null, groupId: "other" };
const from = (agentId: string | null): Move => ({
  by: "Bruno",
  at,
  sequence: 5,
  from: { agentId, groupId: "g" },
  to: queue,
});
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

describe("a transfer that met the same one on its way", () => {
  it("is told of it, where that one came since it looked and went to the same place", () => {
    const seen = { agentId: "ana", groupId: "g", sequence: 4 };
    const ask = (more: object, asker = ana, transfer: Move | null = from("ana")) =>
      refuseSame(asker, { seen, to: queue, force: false, ...more }, transfer);
    expect(ask({})).toMatchObject({ code: "conversation-moved", details: told });
    expect(ask({ seen: { ...seen, sequence: 5 } })).toBeNull();
    expect(ask({ to: { agentId: "carla", groupId: "other" } })).toBeNull();
    expect(ask({ to: { agentId: null, groupId: "g" } })).toBeNull();
    expect(ask({}, ana, null)).toBeNull();
    expect(ask({}, outsider)).toBeNull();
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
