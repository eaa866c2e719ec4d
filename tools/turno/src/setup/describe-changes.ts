import { SETUP_REFERENCES, type ConfigurationChange } from "@turno/contracts";

const DONE = {
  created: "created",
  changed: "changed",
  deactivated: "deactivated",
  reactivated: "reactivated",
} as const;
const WOULD = { created: "create", changed: "change", deactivated: "deactivate", reactivated: "reactivate" } as const;

/** Says in words what changes, one line each, and where conversations go. */
export function describeChanges(
  changes: readonly ConfigurationChange[],
  { dryRun, nameOf }: { dryRun: boolean; nameOf: (id: string) => string },
): string {
  if (changes.length === 0) return "Nothing to do: all is as the file says.";
  const show = (value: unknown): string => {
    if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
    return typeof value === "string" ? nameOf(value) : JSON.stringify(value);
  };
  const lines = changes.flatMap(({ section, name, change, before, after, moves }) => {
    const fields = Object.keys(after).filter((field) => field !== "active" && change !== "created");
    const words = fields.map(
      (field) => `${SETUP_REFERENCES[field]?.field ?? field} ${show(before[field])} → ${show(after[field])}`,
    );
    const where = moves.map(({ groupId, toAgentId, conversations }) => {
      const to = toAgentId === null ? `the queue of ${nameOf(groupId)}` : nameOf(toAgentId);
      return `    ${conversations} of its conversations ${dryRun ? "would go" : "went"} to ${to}`;
    });
    const what = `${(dryRun ? WOULD : DONE)[change]} ${section.slice(0, -1)} ${name}`;
    return [words.length === 0 ? what : `${what}: ${words.join(", ")}`, ...where];
  });
  const count = `${changes.length} ${changes.length === 1 ? "change" : "changes"}`;
  return [...lines, dryRun ? `${count}. Nothing was changed: apply does it.` : `${count}.`].join("\n");
}
