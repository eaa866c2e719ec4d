import { COMMANDS } from "@turno/contracts";
import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { readSetupFile, type SetupFile } from "../src/setup/read-setup-file.ts";
import { placeRefusal } from "../src/setup/setup-commands.ts";
import type { SetupFault } from "../src/setup/yaml-places.ts";

const faultsOf = (text: string): SetupFault[] => {
  const read = readSetupFile(text);
  return Array.isArray(read) ? read : [];
};

function fileOf(text: string): SetupFile {
  const read = readSetupFile(text);
  if (Array.isArray(read)) throw new Error(JSON.stringify(read));
  return read;
}

const numbered = (count: number, entry: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => entry(index)).join("");

const fileWith = (groups: number, agents: number, channels: number) =>
  [
    "version: 1\ngroups:\n",
    numbered(groups, (i) => `  group-${i}:\n    name: Group ${i}\n    answerSeconds: 600\n`),
    "agents:\n  boss:\n    name: Boss\n    role: admin\n",
    numbered(
      agents,
      (i) => `  agent-${i}:\n    name: Agent ${i}\n    capacity: 5\n    groups: [group-${i % groups}]\n`,
    ),
    "channels:\n",
    numbered(channels, (i) => `  line-${i}:\n    name: Line ${i}\n    phoneNumberId: "1${i}"\n    group: group-${i}\n`),
    "programs:\n  bot:\n    groups: all\n",
  ].join("");

/** A whole business: as much as the product promises in one file. */
const LARGE = fileWith(50, 500, 20);
/** As much as a fault needs: each is tried a hundred times. */
const SMALL = fileWith(4, 12, 3);

describe("a setup file", () => {
  it("becomes one request, whose ids follow from the keys and never change", () => {
    const { request, keyOf } = fileOf(LARGE);
    const parsed = COMMANDS.configure.request.parse({ ...request, actor: { kind: "system" } });
    expect([parsed.groups.length, parsed.agents.length, parsed.channels.length]).toEqual([50, 501, 20]);
    expect(parsed.complete).toEqual(["groups", "agents", "channels", "programs"]);
    expect(parsed.channels[3]?.groupId).toBe(parsed.groups[3]?.id);
    expect(parsed.agents.every(({ active }) => active)).toBe(true);
    // Whoever changes how ids follow from keys makes another group of each that is there.
    expect(parsed.groups[0]?.id).toBe("9454ed6e-5090-594c-b515-47f22fb40776");
    expect(keyOf(parsed.groups[0]?.id ?? "")).toEqual({ section: "groups", key: "group-0" });
  });

  it("leaves alone the sections that it does not have, and takes ids that are given", () => {
    const id = "00000000-0000-7000-8000-00010000000A";
    const { request } = fileOf(`version: 1\ngroups:\n  support: { name: Support, id: ${id} }\n`);
    expect(request).toEqual({
      complete: ["groups"],
      groups: [expect.objectContaining({ id: id.toLowerCase(), name: "Support", distribution: "automatic" })],
    });
  });

  it("is the one of deploy/, whose example shows every section", () => {
    const read = (name: string) => fileOf(readFileSync(new URL(`../../../deploy/${name}`, import.meta.url), "utf8"));
    expect(read("turno.example.yaml").request.complete).toEqual(["groups", "agents", "channels", "programs"]);
    expect(read("turno.empty.yaml").request).toEqual({ complete: [] });
  });

  it("is told all its faults at once, each with its place, and what was probably meant", () => {
    const text = [
      "version: 1",
      "groups:",
      "  support: { name: Support, answerSecond: 5 }",
      "agents:",
      "  ana: { name: Ana, role: admin, groups: [suport] }",
      "  bea: { name: Bea, capacity: -1 }",
      "channels:",
      "  main: { name: Main, phoneNumberId: 123, group: support }",
    ].join("\n");
    expect(faultsOf(text).map(({ line, column, field, rule }) => `${line}:${column} ${field} ${rule}`)).toEqual([
      '3:29 groups.support.answerSecond is unknown: do you mean "answerSeconds"?',
      '5:43 agents.ana.groups.0 there is no "suport" in groups: do you mean "support"?',
      expect.stringMatching(/^6:21 agents\.bea\.capacity .*>=0/),
      expect.stringMatching(/^8:23 channels\.main\.phoneNumberId .*in quotes/),
    ]);
  });

  it("shows a service's refusal at the entry that it names", () => {
    const file = fileOf(SMALL);
    const id = file.request.agents?.[1]?.id ?? "";
    const refusal = { code: "invalid", message: "no", details: { section: "agents", id, field: "groupIds" } };
    const line = SMALL.split("\n").indexOf("  agent-0:") + 1;
    expect(placeRefusal(refusal, file)).toMatchObject({ line: line + 3, field: "agents.agent-0.groups" });
    const unplaced = { code: "invalid", message: `Key (group_id)=(${file.request.groups?.[2]?.id}) is not there` };
    expect(placeRefusal(unplaced, file)).toMatchObject({ field: "groups.group-2" });
    expect(placeRefusal({ code: "invalid", message: "no", details: { section: "agents" } }, file)).toMatchObject({
      field: "agents",
    });
  });
});

/** Breaks a file in one line. */
interface Breakage {
  what: string;
  line: RegExp;
  into: (line: string) => string;
  rule: RegExp;
}

const BREAKAGES: readonly Breakage[] = [
  {
    what: "an unknown field",
    line: /^ {4}answerSeconds/,
    into: (line) => line.replace("answerS", "anwserS"),
    rule: /do you mean "answerSeconds"/,
  },
  {
    what: "a value out of bounds",
    line: /^ {4}answerSeconds/,
    into: () => "    answerSeconds: 86401",
    rule: /<=86400/,
  },
  {
    what: "a value of another kind",
    line: /^ {4}capacity/,
    into: () => "    capacity: many",
    rule: /expected (int|number)/,
  },
  { what: "a fraction", line: /^ {4}capacity/, into: () => "    capacity: 1.5", rule: /int/ },
  {
    what: "a group that is not there",
    line: /^ {4}groups: \[/,
    into: () => "    groups: [grup-1]",
    rule: /there is no "grup-1" in groups/,
  },
  {
    what: "a channel's group that is not there",
    line: /^ {4}group:/,
    into: () => "    group: nowhere-at-all",
    rule: /there is no "nowhere-at-all"/,
  },
  { what: "an empty name", line: /^ {4}name: (Group|Agent|Line)/, into: () => '    name: ""', rule: /Too small/ },
  {
    what: "a number without quotes",
    line: /^ {4}phoneNumberId/,
    into: (line) => line.replaceAll('"', ""),
    rule: /in quotes/,
  },
  { what: "an unknown role", line: /^ {4}capacity/, into: () => "    role: boss", rule: /Invalid option/ },
  { what: "an id that is none", line: /^ {4}capacity/, into: () => "    id: 12ab", rule: /Invalid UUID/ },
  {
    what: "a key with a capital",
    line: /^ {2}agent-/,
    into: (line) => line.replace("a", "A"),
    rule: /must be a short name/,
  },
  { what: "a key twice", line: /^ {2}agent-[1-9]/, into: () => "  agent-0:", rule: /unique/ },
  { what: "a section that is none", line: /^programs:/, into: () => "program:", rule: /do you mean "programs"/ },
  { what: "another version", line: /^version/, into: () => "version: 2", rule: /expected 1/ },
  { what: "a program of Turno", line: /^ {2}bot:/, into: () => "  router:", rule: /part of Turno/ },
  {
    what: "two channels with one number",
    line: /^ {4}phoneNumberId: "1[1-9]/,
    into: () => '    phoneNumberId: "10"',
    rule: /same phone number id as channels.line-0/,
  },
  { what: "no admin", line: /role: admin/, into: () => "    role: agent", rule: /nobody could configure/ },
  { what: "YAML that is none", line: /^ {4}groups: \[/, into: () => "    groups: [group-1", rule: /./ },
];
/** Which line is named where it is another than the one that was changed. */
const ELSEWHERE: Readonly<Record<string, (lines: readonly string[], index: number) => number>> = {
  "no admin": (lines) => lines.indexOf("agents:") + 1,
  // The list goes on in the next line, where YAML meets what is in no list.
  "YAML that is none": (_lines, index) => index + 2,
};

describe("a bad setup file", () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
  it.each(Array.from({ length: 100 }, (_, round) => round))("gets one clear fault (round %i)", (round) => {
    const breakage = BREAKAGES[round % BREAKAGES.length];
    if (breakage === undefined) throw new Error("there is none");
    const lines = SMALL.split("\n");
    const places = lines.flatMap((line, index) => (breakage.line.test(line) ? [index] : []));
    const index = places[(seed + round) % places.length] ?? -1;
    const broken = lines.with(index, breakage.into(lines[index] ?? "")).join("\n");
    const told = `SEED=${seed}, round ${round}: ${breakage.what} in line ${index + 1}`;
    const faults = faultsOf(broken);
    expect(faults, told).toHaveLength(1);
    expect(faults[0]?.rule, told).toMatch(breakage.rule);
    expect(faults[0]?.column, told).toBeGreaterThan(0);
    const line = ELSEWHERE[breakage.what]?.(lines, index) ?? index + 1;
    expect(faults[0]?.line, told).toBe(line);
  });
});
