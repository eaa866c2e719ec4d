import {
  CONFIGURED_SECTIONS,
  SETUP_FIELDS,
  SETUP_REFERENCES,
  setupFieldsOf,
  setupFileSchema,
  type CommandInput,
  type ConfiguredSection,
} from "@turno/contracts";
import type { z } from "zod";
import { findBrokenRules } from "./broken-rules.ts";
import { nearestWord } from "./nearest-word.ts";
import { idOfEntry, type Entries, type SetupEntry } from "./setup-ids.ts";
import { readPlacedYaml, type Path, type SetupFault } from "./yaml-places.ts";

/** A file that may be sent: what it asks for, and where its entries stand. */
export interface SetupFile {
  request: Omit<CommandInput<"configure">, "actor">;
  /** Returns the section and key of an id. */
  keyOf: (id: string) => { section: ConfiguredSection; key: string } | null;
  faultAt: (path: Path, rule: string) => SetupFault;
}

const isObject = (value: unknown): value is SetupEntry =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Reads a file: what it asks for, or everything that is wrong with it, in the order of its lines. */
export function readSetupFile(text: string): SetupFile | SetupFault[] {
  const { value, faults, faultAt } = readPlacedYaml(text);
  if (faults.length > 0) return faults;
  const parsed = setupFileSchema.safeParse(value);
  const entries = readEntries(value);
  const found = [
    ...(parsed.success ? [] : parsed.error.issues.flatMap((issue) => describeIssue(issue))),
    ...findBrokenRules(entries),
  ];
  if (found.length > 0 || !parsed.success) {
    const byField = new Map(found.toReversed().map(({ path, rule }) => [path.join("."), faultAt(path, rule)]));
    return [...byField.values()].toSorted((left, right) => left.line - right.line || left.column - right.column);
  }
  return { ...toRequest(readEntries(parsed.data)), faultAt };
}

function readEntries(value: unknown): Entries {
  const file = isObject(value) ? value : {};
  const read = (section: ConfiguredSection) => {
    const given = file[section];
    if (!isObject(given)) return null;
    return new Map(Object.entries(given).filter((pair): pair is [string, SetupEntry] => isObject(pair[1])));
  };
  return { groups: read("groups"), agents: read("agents"), channels: read("channels"), programs: read("programs") };
}

function toRequest(entries: Entries): Pick<SetupFile, "request" | "keyOf"> {
  const keys = new Map<string, { section: ConfiguredSection; key: string }>();
  const idOf = (section: ConfiguredSection, key: string) => idOfEntry(section, key, entries[section]?.get(key));
  const toId = (section: ConfiguredSection, value: unknown) =>
    Array.isArray(value)
      ? value.map((key) => idOf(section, String(key)))
      : typeof value !== "string" || value === "all"
        ? value
        : idOf(section, value);
  const toEntry = (section: ConfiguredSection, key: string, entry: SetupEntry) => {
    const references = Object.entries(SETUP_REFERENCES).filter(([, { field }]) => entry[field] !== undefined);
    const fields = Object.fromEntries(
      Object.entries(entry).filter(([name]) => !references.some(([, { field }]) => field === name)),
    );
    const ids = references.map(([name, { field, section: of }]) => [name, toId(of, entry[field])] as const);
    const named = section === "programs" ? { name: key } : { id: idOf(section, key) };
    keys.set(section === "programs" ? key : idOf(section, key), { section, key });
    return { ...fields, ...named, ...Object.fromEntries(ids) };
  };
  const complete = CONFIGURED_SECTIONS.filter((section) => entries[section] !== null);
  const named = complete.map((section) => [
    section,
    [...(entries[section] ?? [])].map(([key, entry]) => toEntry(section, key, entry)),
  ]);
  // The schema has checked every field that it took over from `configure`, and the service checks the whole again.
  const request = { complete, ...Object.fromEntries(named) } as SetupFile["request"];
  return { request, keyOf: (id) => keys.get(id) ?? null };
}

interface Found {
  path: Path;
  rule: string;
}

function describeIssue(issue: z.core.$ZodIssue): Found[] {
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
  if (issue.code === "unrecognized_keys") {
    const [section] = path;
    const known = section === undefined ? SETUP_FIELDS : setupFieldsOf(section as ConfiguredSection);
    return issue.keys.map((key) => ({ path: [...path, key], rule: describeUnknown(key, known) }));
  }
  if (issue.code === "invalid_key") return [{ path, rule: issue.issues[0]?.message ?? issue.message }];
  if (issue.code === "invalid_type" && issue.expected === "string") {
    return [{ path, rule: `${issue.message}: a text, in quotes where it looks like a number` }];
  }
  return [{ path, rule: issue.message }];
}

function describeUnknown(key: string, known: readonly string[]): string {
  const nearest = nearestWord(key, known);
  return nearest === null ? `is unknown. There are: ${known.join(", ")}` : `is unknown: do you mean "${nearest}"?`;
}
