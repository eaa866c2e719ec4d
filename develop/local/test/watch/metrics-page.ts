import type { MetricFamily } from "./exposition.ts";
import type { Served } from "./served.ts";

const BEGIN = "<!-- metrics: begin -->";
const END = "<!-- metrics: end -->";
/** Labels that say from where a sample is, or that belong to every histogram. */
const COMMON = new Set(["__name__", "service", "le"]);
/** Under which part of their names the services with a database serve the same. */
const PREFIXES = /^turno_(router|tracker|sender|inbox)_/;

interface Row {
  name: string;
  type: string;
  labels: Set<string>;
  services: Set<string>;
  help: string;
}

/**
 * Returns the page of metrics with its table made from what the services have served. Labels that the page names are kept
 * where a metric had no sample, which then says nothing of its labels.
 */
export function describeMetrics(page: string, served: Served): string {
  const rows = new Map<string, Row>();
  for (const [service, families] of served) {
    for (const family of families.values()) {
      if (!family.name.startsWith("turno_")) continue;
      const name = commonName(family, served);
      const row = rows.get(name) ?? { ...family, name, labels: new Set<string>(), services: new Set<string>() };
      row.services.add(service);
      const seen = family.samples.flatMap(({ labels }) => Object.keys(labels));
      for (const label of seen.length === 0 ? labelsOnPage(page, name) : seen)
        if (!COMMON.has(label)) row.labels.add(label);
      rows.set(name, row);
    }
  }
  const lines = [...rows.values()]
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, type, labels, services, help }) => {
      const inCode = [...labels].toSorted().map((label) => `\`${label}\``);
      const cells = [`\`${name}\``, type, inCode.join(", "), [...services].toSorted().join(", "), help];
      return `| ${cells.join(" | ")} |`;
    });
  const table = ["| metric | type | labels | served by | what it says |", "| - | - | - | - | - |", ...lines].join("\n");
  const [before] = page.split(BEGIN);
  const [, after] = page.split(END);
  return `${before}${BEGIN}\n\n<!-- prettier-ignore -->\n${table}\n\n${END}${after}`;
}

/** What several services serve under their own names, with the same words, has one row. */
function commonName({ name, help }: MetricFamily, served: Served): string {
  const rest = name.replace(PREFIXES, "");
  if (rest === name) return name;
  const alike = [...served.values()].filter((families) =>
    [...families.values()].some((other) => other.help === help && other.name.replace(PREFIXES, "") === rest),
  );
  return alike.length > 1 ? `turno_<service>_${rest}` : name;
}

function labelsOnPage(page: string, name: string): string[] {
  const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\` `));
  return [...(row?.split("|")[3] ?? "").matchAll(/`(\w+)`/g)].map(([, label = ""]) => label);
}
