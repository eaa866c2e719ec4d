import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@turno/servers";
import { describe, expect, it } from "vitest";
import { readSource } from "./repository.ts";

const CHANGE_FILES_MAX = 6;

const sectionsOf = (document: string) => readSource(document).split(/^## /m);
const pathsIn = (text: string) =>
  [...text.matchAll(/`((?:libs|services|tools|develop)\/[^`\s]+)`/g)].map(([, path = ""]) => path);
/** The cells of a table's rows, without its head. */
const rowsOf = (section: string) =>
  section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

describe("who looks for a verb", () => {
  const section = sectionsOf("ARCHITECTURE.md").find((text) => text.startsWith("Where to look")) ?? "";
  const rows = rowsOf(section);

  it("finds it where ARCHITECTURE.md lets a newcomer guess it", () => {
    expect(rows.map(([verb]) => verb)).toEqual([
      "transfer",
      "send",
      "expire",
      "close",
      "link",
      "apply inbound",
      "call Graph",
    ]);
    const missing = rows.filter(([, guess = "", found = ""]) => {
      const [folder = "", path = "", name = ""] = [...`${guess} ${found}`.matchAll(/`([^`]+)`/g)].map(
        ([, text]) => text,
      );
      const isThere = path.startsWith(folder) && existsSync(join(ROOT, path));
      return !isThere || !new RegExp(`^export (?:(?:async )?function|const) ${name}\\b`, "m").test(readSource(path));
    });
    expect(missing).toEqual([]);
  });
});

describe("a change", () => {
  const [head = "", ...sections] = sectionsOf("docs/changes.md");
  const rows = rowsOf(head);

  it("costs as many files as docs/changes.md says, and they exist", () => {
    expect(rows).toHaveLength(10);
    const counted = sections.map((text) => {
      const paths = new Set(pathsIn(text));
      return [text.split("\n")[0]?.toLowerCase(), [...paths].filter((path) => existsSync(join(ROOT, path))).length];
    });
    expect(counted).toEqual(rows.map(([change = "", , , now]) => [change.toLowerCase(), Number(now)]));
  });

  it("costs six files by hand at most, or its section says why", () => {
    const dear = rows
      .filter(([, , , now]) => Number(now) > CHANGE_FILES_MAX)
      .map(([change = ""]) => change.toLowerCase());
    const told = sections
      .filter((text) => /^Above six: /m.test(text))
      .map((text) => text.split("\n")[0]?.toLowerCase());
    expect(dear).toEqual(told);
  });
});
