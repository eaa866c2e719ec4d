import { actsEverywhere, CONFIGURED_SECTIONS, SETUP_REFERENCES, type ConfiguredSection } from "@turno/contracts";
import { nearestWord } from "./nearest-word.ts";
import { idOfEntry, type Entries } from "./setup-ids.ts";
import type { Path } from "./yaml-places.ts";

interface BrokenRule {
  path: Path;
  rule: string;
}

/** Returns which rules the entries break together. It takes entries as they come: their own schema may be broken too. */
export function findBrokenRules(entries: Entries): BrokenRule[] {
  return [
    ...findUnknownReferences(entries),
    ...findSharedIds(entries),
    ...findSharedNumbers(entries),
    ...findBrokenAgents(entries),
    ...[...(entries.programs?.keys() ?? [])].filter(actsEverywhere).map((name) => {
      return { path: ["programs", name], rule: "is a part of Turno and acts in every group: leave it out" };
    }),
  ];
}

const all = (entries: Entries) =>
  CONFIGURED_SECTIONS.flatMap((section) =>
    [...(entries[section] ?? [])].map(([key, entry]) => ({ section, key, entry })),
  );

/** A section that the file leaves out may hold the key from before: then the service decides. */
function findUnknownReferences(entries: Entries): BrokenRule[] {
  return all(entries).flatMap(({ section, key, entry }) =>
    Object.values(SETUP_REFERENCES).flatMap(({ field, section: of }) => {
      const known = entries[of];
      const given = entry[field];
      if (known === null || given === "all") return [];
      const named = Array.isArray(given)
        ? given.map((one: unknown, index) => [one, [index]] as const)
        : [[given, []] as const];
      return named.flatMap(([one, at]) => {
        if (typeof one !== "string" || known.has(one)) return [];
        return [{ path: [section, key, field, ...at], rule: describeUnknownKey(of, one, [...known.keys()]) }];
      });
    }),
  );
}

function describeUnknownKey(section: ConfiguredSection, given: string, keys: readonly string[]): string {
  const nearest = nearestWord(given, keys);
  const hint = nearest === null ? "" : `: do you mean "${nearest}"?`;
  return `there is no "${given}" in ${section}${hint}`;
}

/** Returns the second and each further entry that shares a value with an earlier one. */
function findShared(named: readonly { path: Path; of: string; value: string }[], what: string): BrokenRule[] {
  const first = new Map<string, string>();
  return named.flatMap(({ path, of, value }) => {
    const earlier = first.get(value);
    first.set(value, earlier ?? of);
    return earlier === undefined ? [] : [{ path, rule: `has the same ${what} as ${earlier}` }];
  });
}

const findSharedIds = (entries: Entries): BrokenRule[] =>
  findShared(
    all(entries).flatMap(({ section, key, entry }) =>
      section === "programs"
        ? []
        : [
            {
              path: [section, key, "id"],
              of: `${section}.${key}`,
              value: `${section} ${idOfEntry(section, key, entry)}`,
            },
          ],
    ),
    "id",
  );

const findSharedNumbers = (entries: Entries): BrokenRule[] =>
  findShared(
    [...(entries.channels ?? [])].flatMap(([key, { phoneNumberId }]) =>
      typeof phoneNumberId === "string"
        ? [{ path: ["channels", key, "phoneNumberId"], of: `channels.${key}`, value: phoneNumberId }]
        : [],
    ),
    "phone number id",
  );

function findBrokenAgents({ agents }: Entries): BrokenRule[] {
  if (agents === null) return [];
  const broken = [...agents].flatMap(([key, { active, groups, handOverTo }]): BrokenRule[] => {
    if (handOverTo === key) return [{ path: ["agents", key, "handOverTo"], rule: "is the agent itself" }];
    if (typeof handOverTo === "string" && agents.get(handOverTo)?.["active"] === false) {
      return [{ path: ["agents", key, "handOverTo"], rule: `${handOverTo} is not active in this file` }];
    }
    if (active !== false || !Array.isArray(groups) || groups.length === 0) return [];
    return [{ path: ["agents", key, "groups"], rule: "a deactivated agent is of no group" }];
  });
  const hasAdmin = [...agents.values()].some(({ role, active }) => role === "admin" && active !== false);
  if (hasAdmin) return broken;
  return [...broken, { path: ["agents"], rule: "no active agent has the role admin: nobody could configure any more" }];
}
