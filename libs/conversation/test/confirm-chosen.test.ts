import { describe, expect, it } from "vitest";
import { confirmChosen, distributeInGroups, type Deciding, type Member } from "../src/index.ts";

const now = new Date(0);
const ana: Member = {
  agentId: "ana",
  availability: "available",
  capacity: 1,
  activeCount: 0,
  presentUntil: null,
  lastTurn: 0,
};

const deciding = (groupId: string): Deciding => ({
  members: [ana],
  isWhole: true,
  others: [],
  waiting: [
    {
      conversationId: `of-${groupId}`,
      queuedAt: now,
      returningAgentId: null,
      requeuedFromAgentId: null,
      lapsedAgentIds: [],
      lapsedAt: null,
    },
  ],
  rotation: { turn: 0, roundTurn: 0 },
  presence: "ignored" as const,
  returningWaitMs: 0,
  now,
});

/** What each group decides that does not know of the other. */
function decide(groupIds: readonly string[]) {
  return groupIds.flatMap((groupId) => {
    const group = deciding(groupId);
    return distributeInGroups([group]).map((distribution) => ({ groupId, deciding: group, distribution }));
  });
}

describe("what was decided, looked at again under the agents' locks", () => {
  it("holds for an agent who still has room, and fills it", () => {
    const { holding, full } = confirmChosen(decide(["g"]), new Map([["ana", ana]]), new Map());
    expect(holding.map(({ groupId }) => groupId)).toEqual(["g"]);
    expect([...full]).toEqual(["ana"]);
  });

  it("does not hold where an agent of two groups would get more than its one capacity", () => {
    expect(confirmChosen(decide(["g", "h"]), new Map([["ana", ana]]), new Map()).holding).toEqual([]);
    const roomy = { ...ana, capacity: 2 };
    expect(confirmChosen(decide(["g", "h"]), new Map([["ana", roomy]]), new Map()).holding).toHaveLength(2);
  });

  it("does not hold where the agent was not locked, or filled up meanwhile", () => {
    expect(confirmChosen(decide(["g"]), new Map(), new Map()).holding).toEqual([]);
    const busy = { ...ana, activeCount: 1 };
    expect(confirmChosen(decide(["g"]), new Map([["ana", busy]]), new Map()).holding).toEqual([]);
  });

  it("lets rest who is found ineligible still, and nobody else", () => {
    const away = { ...ana, availability: "away" as const };
    const resting = [{ groupId: "g", agentId: "ana", lastTurn: 0 }];
    expect(confirmChosen(decide(["g"]), new Map(), new Map([["ana", away]])).resting).toEqual(resting);
    expect(confirmChosen(decide(["g"]), new Map(), new Map([["ana", ana]])).resting).toEqual([]);
  });
});
