import {
  actionsFor,
  CONVERSATION_PERMISSIONS,
  STATES,
  type Asker,
  type Relation,
  type Role,
  type State,
} from "@turno/conversation";
import { describe, expect, it } from "vitest";

const person = (role: Role, agentId: string, ...groupIds: string[]): Asker => ({
  kind: "agent",
  agentId,
  role,
  groupIds,
});

/** Of one conversation of group `g`, that agent `a` has unless it waits. */
const PEOPLE: { name: string; asker: Asker; relations: Relation[] }[] = [
  { name: "the agent that has it", asker: person("agent", "a", "g"), relations: ["owner", "member"] },
  { name: "the agent of another group that has it", asker: person("agent", "a", "h"), relations: ["owner"] },
  { name: "an agent of the group", asker: person("agent", "b", "g"), relations: ["member"] },
  { name: "an agent of another group", asker: person("agent", "b", "h"), relations: [] },
  { name: "an operator of the group", asker: person("operator", "b", "g"), relations: ["member", "operator"] },
  { name: "an operator of another group", asker: person("operator", "b", "h"), relations: [] },
  { name: "an admin of no group", asker: person("admin", "b"), relations: ["admin"] },
  { name: "an admin of the group", asker: person("admin", "b", "g"), relations: ["member", "admin"] },
];

/** What the console has a form for; everything else is seen, or done by the way. */
const OFFERED = [
  "accept",
  "decline",
  "claim",
  "send",
  "ticket-link",
  "close",
  "transfer",
  "force-transfer",
  "template",
  "finalise",
] as const;

/** A continued conversation is expired, and another goes on for it; an offered one is active. */
function heldAs(state: State) {
  const [continuedById, offeredUntil] = [state === "continued" ? "new" : null, state === "offered" ? new Date() : null];
  const held = { continued: "expired", offered: "active" } as const;
  return { state: state === "continued" || state === "offered" ? held[state] : state, continuedById, offeredUntil };
}

describe("what is offered", () => {
  it.each(PEOPLE)("to $name is in each state what the permission table allows", ({ asker, relations }) => {
    for (const state of STATES) {
      for (const agentId of state === "queued"
        ? [null]
        : state === "active" || state === "offered"
          ? ["a"]
          : ["a", null]) {
        const held = relations
          .filter((relation) => relation !== "owner" || agentId !== null)
          .concat(relations.includes("member") && agentId === null ? ["taker"] : []);
        const allowed = OFFERED.filter((act) => {
          const { by, code } = CONVERSATION_PERMISSIONS[act].cells[state];
          return code === null && by.some((relation) => held.includes(relation));
        });
        const isSessionOpen = state !== "expired" && state !== "continued";
        const offered = actionsFor(asker, { ...heldAs(state), groupId: "g", agentId, isSessionOpen });
        expect(offered, `${state}, ${agentId}`).toEqual(allowed);
      }
    }
  });

  it("to an admin who is of no group is never a claim for itself", () => {
    const waiting = { state: "queued", groupId: "g", agentId: null, isSessionOpen: true } as const;
    expect(actionsFor(person("admin", "b"), waiting)).not.toContain("claim");
    expect(actionsFor(person("admin", "b", "g"), waiting)).toContain("claim");
    expect(actionsFor(person("operator", "b", "g"), waiting)).toContain("claim");
  });

  it("with an expired conversation is its ticket link, a template and its end", () => {
    const expired = { state: "expired", groupId: "g", agentId: "a", isSessionOpen: true } as const;
    expect(actionsFor(person("agent", "a", "g"), expired)).toEqual(["ticket-link", "template", "finalise"]);
  });

  it("with one from which a template has opened another is its end alone", () => {
    const continued = { state: "expired", continuedById: "new", groupId: "g", agentId: "a" } as const;
    for (const asker of [person("agent", "a", "g"), person("operator", "b", "g"), person("admin", "b")]) {
      expect(actionsFor(asker, { ...continued, isSessionOpen: false })).toEqual(["finalise"]);
    }
  });
});
