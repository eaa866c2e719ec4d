import { describe, expect, it } from "vitest";
import { createDirectory, type DirectoryGroup } from "../src/directory.ts";
import { renderTable } from "../src/table.ts";

const agent = (id: string, name: string) => ({
  id,
  name,
  availability: "available" as const,
  active: 0,
  capacity: null,
});
const group = (id: string, name: string, agents: DirectoryGroup["agents"]): DirectoryGroup => ({
  id,
  name,
  distribution: "manual",
  waiting: 0,
  longestWaitMs: null,
  agents,
});

describe("names on the command line", () => {
  const directory = createDirectory([
    group("g1", "Support", [agent("a1", "Ana"), agent("a2", "Bruno")]),
    group("g2", "Billing", [agent("a1", "Ana"), agent("a3", "bruno")]),
  ]);

  it("find a group or an agent whatever their case, and ids as they are", () => {
    expect(directory.group("billing").id).toBe("g2");
    expect(directory.agent("ANA").id).toBe("a1");
    expect(directory.agent("a3").name).toBe("bruno");
  });

  it("are refused where they name nobody or more than one, with what there is", () => {
    expect(() => directory.agent("Bruno")).toThrow('"Bruno" names 2 agents; use an id');
    expect(() => directory.group("Sales")).toThrow("There are: Support, Billing");
  });

  it("list an agent of two groups once", () => {
    expect(directory.agents.find(({ id }) => id === "a1")?.groups).toEqual(["Support", "Billing"]);
    expect(directory.agents).toHaveLength(3);
  });
});

describe("tables on the command line", () => {
  it("line up under their headings", () => {
    const rows = [
      ["Ana", "12"],
      ["Bruno", "3"],
    ];
    expect(renderTable(["agent", "active"], rows)).toBe("agent   active\nAna     12\nBruno   3");
  });
});
