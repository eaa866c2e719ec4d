import { actionsFor, type Asker } from "@turno/conversation";
import { describe, expect, it } from "vitest";
import { expectedOutcome, STATES, type Standing } from "../src/http/permission-table.ts";

/** The rows of the table that have an action; a template has no row of its own. */
const VERBS: Record<string, string> = {
  claim: "claim it",
  send: "send a message",
  "ticket-link": "link a ticket",
  transfer: "transfer it",
  "force-transfer": "force a transfer",
  close: "close it",
  finalise: "finalise it",
};

type Role = Extract<Asker, { kind: "agent" }>["role"];
const person = (role: Role, ...groupIds: string[]): Asker => ({ kind: "agent", agentId: "a", role, groupIds });

const PEOPLE: { name: string; asker: Asker; standings: Standing[] }[] = [
  { name: "an agent of the group", asker: person("agent", "g"), standings: ["owner", "member"] },
  { name: "an operator of the group", asker: person("operator", "g"), standings: ["member", "operator"] },
  { name: "an admin of no group", asker: person("admin"), standings: ["admin"] },
];

describe("what is offered", () => {
  it.each(PEOPLE)("to $name is in each state what the permission table allows", ({ asker, standings }) => {
    for (const state of STATES) {
      // Nobody has a conversation that waits.
      const held = standings.filter((standing) => state !== "queued" || standing !== "owner");
      const allowed = Object.keys(VERBS).filter((action) => expectedOutcome(VERBS[action] ?? "", state, held) === null);
      const offered = actionsFor(asker, { state, groupId: "g", isSessionOpen: state !== "expired" });
      expect(offered.filter((action) => action !== "template").toSorted(), state).toEqual(allowed.toSorted());
    }
  });
});
