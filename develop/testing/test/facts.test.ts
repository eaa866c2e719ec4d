import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "@turno/servers";
import { describe, expect, it } from "vitest";
import { EXEMPT, FACTS } from "./documented-facts.ts";
import { listFiles, readSource } from "./repository.ts";

/** Generated from the code, or records of what was measured on a day. */
const LEFT_OUT = /^(docs\/(events|metrics|performance)\.md|develop\/bench\/results\.md)$/;
const MEASURED =
  /<!-- (?:written by|\w+: begin)[^]*?<!-- (?:end|\w+: end) -->|^## How fast it is$[^]*?^(?=## )|^## (?:Context|Consequences)$[^]*?(?=^## |$(?![^]))/gm;
const CODE_BLOCK = /^```[^]*?^```$/gm;

const UNITS =
  "µs|ms|s|min|h|kB|MB|GB|MiB|GiB|(?:real |half )?(?:milli)?seconds?|minutes?|hours?|days?|weeks?|times|a second|a minute|" +
  "partitions|replicas|streams|connections|lines|characters|attempts";
const WORDS = "half an?|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|fifty|hundred";
/** A number with a unit, in figures or in words, a limit, a port. */
const NUMBER = new RegExp(
  [
    `\\b\\d[\\d,.]*(?:\\s?(?:${UNITS})\\b|\\s?%)`,
    `\\b(?:${WORDS}) (?:half )?(?:milliseconds?|seconds?|minutes?|hours?|days?|weeks?|times|streams)\\b`,
    `\\b(?:beyond|after) the \\d+(?:st|nd|rd|th)\\b`,
    `\\b(?:at most|at least|up to|default|every) \\d[\\d,.]*\\b`,
    `\\b(?:twice|once) (?:a|each|every) \\w+`,
    `\\b(?:80\\d\\d|4222)\\b`,
  ].join("|"),
  "gi",
);

const documents = listFiles().filter((path) => path.endsWith(".md") && !LEFT_OUT.test(path));

/** Returns a document in one line, without code blocks, measurements, where links lead to, and what `settings` found. */
function proseOf(path: string): string {
  const text = readSource(path)
    .replaceAll(CODE_BLOCK, "")
    .replaceAll(MEASURED, "")
    .replaceAll(/\]\([^)]*\)/g, "]");
  const rows = text
    .split("\n")
    .map((line) => (readSettings(path, line).length > 0 ? line.split("|").slice(0, 1).join("") : line));
  return rows.join("\n").replaceAll(/\s+/g, " ");
}

/** Returns the keys and defaults of a row of a service's table of settings; none of any other line. */
function readSettings(path: string, line: string): { key: string; shown: string }[] {
  if (!/^services\/[a-z-]+\/README\.md$/.test(path)) return [];
  const cells = line.split("|").map((cell) => cell.trim());
  const keys = [...(cells[1] ?? "").matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, key = ""]) => key);
  // Some tables have the default before the meaning, some after it.
  const shown = cells
    .slice(2)
    .find((cell) => /^`?\d[\d,. ]*`?$/.test(cell))
    ?.replaceAll("`", "");
  if (shown === undefined) return [];
  const values = keys.length > 1 ? shown.split(", ") : [shown];
  return keys.map((key, index) => ({ key, shown: values[index] ?? "" }));
}

describe("the documents", () => {
  it.each(Object.entries(FACTS))("say in %s what the code does", (path, sentences) => {
    const prose = proseOf(path);
    expect(sentences.filter((sentence) => !prose.includes(sentence))).toEqual([]);
  });

  it("have no number with a unit that is neither read from the code nor exempt", () => {
    const unproven = documents.flatMap((path) => {
      let prose = proseOf(path);
      for (const sentence of FACTS[path] ?? []) prose = prose.replaceAll(sentence, "·");
      for (const [pattern] of EXEMPT) prose = prose.replaceAll(pattern, "·");
      prose = prose.replaceAll(/`[^`]*`/g, "·");
      return [...prose.matchAll(NUMBER)].map(
        ({ 0: found, index }) => `${path}: ${found} (${prose.slice(Math.max(0, index - 40), index + 40)})`,
      );
    });
    expect(unproven).toEqual([]);
  });

  it("need each exemption", () => {
    const all = documents.map(proseOf).join("\n");
    expect(EXEMPT.filter(([pattern]) => all.match(pattern) === null)).toEqual([]);
  });

  it("show the default of each setting that a service has", async () => {
    const rows = documents.flatMap((path) =>
      readSource(path)
        .split("\n")
        .flatMap((line) => readSettings(path, line).map((row) => ({ path, ...row }))),
    );
    expect(rows.length).toBeGreaterThan(20);
    const wrong: string[] = [];
    for (const { path, key, shown } of rows) {
      const value = await defaultOf(path, key);
      if (String(value) !== shown) wrong.push(`${path}: ${key} is ${String(value)}, not ${shown}`);
    }
    expect(wrong).toEqual([]);
  });
});

interface Schema {
  shape: Record<string, { parse: (value: undefined) => unknown }>;
}

/** Returns what a service takes for a setting that is missing, asked of the schema that it really exports. */
async function defaultOf(readme: string, key: string): Promise<unknown> {
  const path = readme.replace("README.md", "src/config.ts");
  const exported = (await import(pathToFileURL(join(ROOT, path)).href)) as Record<string, unknown>;
  const isSchema = (value: unknown): value is Schema => typeof value === "object" && value !== null && "shape" in value;
  return Object.values(exported).find(isSchema)?.shape[key]?.parse(undefined);
}
