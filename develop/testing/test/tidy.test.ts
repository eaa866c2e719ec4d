import { COMMANDS, EVENTS } from "@turno/contracts";
import { ROOT } from "@turno/servers";
import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { listFiles, listWorkspaces, readSource, rootEntries } from "./repository.ts";

const files = listFiles();
const workspaces = listWorkspaces(files);
const documents = files.filter((path) => path.endsWith(".md"));
const sources = files.filter((path) => /\.(ts|mjs|js|css|html)$/.test(path));
const ours = sources.filter((path) => /\/src\//.test(path));

/** All matches of the first group, with the file they stand in. */
const findAll = (paths: readonly string[], pattern: RegExp) =>
  paths.flatMap((path) =>
    [...readSource(path).matchAll(pattern)].map((match) => ({ path, found: match[1] ?? match[0] })),
  );

/** What stands for many paths. */
const isPattern = (path: string) => /[<>*{}…]/.test(path);
/** The metric that a histogram's series belong to. */
const histogram = (name: string) => name.replace(/_(bucket|sum|count)$/, "");
const wordsOf = (name: string) => name.split(/[-._]|(?<=[a-z0-9])(?=[A-Z])/);
const importers = (name: string) =>
  workspaces.filter(({ package: file }) => file.dependencies?.[name] !== undefined).map(({ folder }) => folder);

describe("the documents", () => {
  it("cite only paths that exist, in links and in code", () => {
    const links = findAll(documents, /\]\(([^)#\s]+)[^)]*\)/g).filter(({ found }) => !/^[a-z]+:/.test(found));
    const inCode = findAll(documents, /`((?:\.ci|deploy|develop|docs|libs|services|tools)\/[^`\s]*)`/g);
    const inSources = findAll(sources, /\b(docs\/[\w/.-]+\.(?:md|json))\b/g);
    const missing = [...links, ...inCode, ...inSources]
      .filter(({ found }) => !isPattern(found))
      .filter(({ path, found }) => !existsSync(join(ROOT, found)) && !existsSync(join(ROOT, dirname(path), found)));
    expect(missing).toEqual([]);
  });

  it("name only metrics that a service has", () => {
    const known = new Set(findAll(ours, /"(turno_[a-z_]+)"/g).map(({ found }) => found));
    const named = findAll(documents, /\b(turno_(?:gateway|router|sender|tracker|inbox)_[a-z_]+)\b/g);
    expect(named.filter(({ found }) => !known.has(found) && !known.has(histogram(found)))).toEqual([]);
  });

  it("describe every setting of each service in its README", async () => {
    const missing: string[] = [];
    for (const { folder } of workspaces.filter(({ folder: path }) => path.startsWith("services/"))) {
      const needed = [`${folder}/README.md`, `${folder}/src/config.ts`].filter((path) => !files.includes(path));
      missing.push(...needed);
      if (needed.length > 0) continue;
      const [keys, readme] = [await settingsOf(folder), readSource(`${folder}/README.md`)];
      if (keys.length === 0) missing.push(`${folder}/src/config.ts: no zod object is exported`);
      missing.push(...keys.filter((key) => !readme.includes(`\`${key}\``)).map((key) => `${folder}/README.md: ${key}`));
    }
    expect(missing).toEqual([]);
  });

  it("describe every setting of the local stack in the README", () => {
    const pattern = /(?:env|environment)(?:\["|, ")([A-Z][A-Z_]+)"/g;
    const keys = findAll(
      ours.filter((path) => /^develop\/(local|servers)\//.test(path)),
      pattern,
    );
    expect(keys.length).toBeGreaterThan(5);
    const foreign = new Set(["HOME", "PATH", "XDG_CACHE_HOME", "NO_COLOR", "TERM"]);
    const readme = readSource("README.md");
    expect(keys.filter(({ found }) => !foreign.has(found) && !readme.includes(found))).toEqual([]);
  });

  it("list every event and every command in docs/events.md", () => {
    const text = readSource("docs/events.md");
    const events = Object.keys(EVENTS).filter((type) => !text.includes(`turno.v1.event.${type}.`));
    const commands = Object.keys(COMMANDS).filter((verb) => !text.includes(`turno.v1.command.${verb}`));
    expect([...events, ...commands]).toEqual([]);
  });

  it("decide one thing a file, each under a number of its own, with context, choice and consequences, on a page", () => {
    const decisions = documents.filter((path) => path.startsWith("docs/decisions/")).toSorted();
    const numbers = decisions.map((path) => path.slice(15, 19));
    // Gaps are allowed: who works beside others reserves numbers, and may not need them all.
    expect(numbers.filter((number, index) => !/^\d{4}$/.test(number) || numbers.indexOf(number) !== index)).toEqual([]);
    for (const path of decisions) {
      const text = readSource(path);
      const headings = [...text.matchAll(/^## (.+)$/gm)].map((match) => match[1]);
      expect([path, headings]).toEqual([path, ["Context", "Choice", "Consequences"]]);
      expect([path, text.split("\n").length]).toSatisfy(([, lines]) => Number(lines) <= 60);
    }
  });
});

describe("the packages", () => {
  it("are typechecked, private, under our licence, and say by a tag what they may depend on", () => {
    const tags = ["pure", "contract", "library", "development", "service", "tool", "local"];
    const { include: checked } = JSON.parse(readSource("tsconfig.json")) as { include: string[] };
    for (const { folder, package: file, tags: found } of workspaces) {
      const said = {
        isTypechecked: checked.includes(folder.split("/")[0] ?? ""),
        private: file.private,
        license: file.license,
        tags: found.length === 1 && tags.includes(found[0] ?? ""),
      };
      const wanted = { isTypechecked: true, private: true, license: "Apache-2.0", tags: true };
      expect({ folder, ...said }).toEqual({ folder, ...wanted });
    }
  });

  it("agree on one exact version of each dependency", () => {
    const versions = new Map<string, Set<string>>();
    for (const path of files.filter((file) => /(^|\/)package\.json$/.test(file))) {
      const file = JSON.parse(readSource(path)) as Record<string, Record<string, string> | undefined>;
      for (const kind of ["dependencies", "devDependencies", "optionalDependencies"]) {
        for (const [name, version] of Object.entries(file[kind] ?? {})) {
          versions.set(name, (versions.get(name) ?? new Set()).add(version));
        }
      }
    }
    const odd = [...versions].filter(
      ([, found]) => found.size > 1 || !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test([...found][0] ?? ""),
    );
    expect(odd.map(([name, found]) => `${name} ${[...found].join(" ")}`)).toEqual([]);
  });

  it("stand in develop/ where they are for development, and nowhere else", () => {
    const isForDevelopment = (tags: readonly string[]) => tags.includes("development") || tags.includes("local");
    const misplaced = workspaces.filter(({ folder, tags }) => isForDevelopment(tags) !== folder.startsWith("develop/"));
    expect(misplaced.map(({ folder }) => folder)).toEqual([]);
  });

  it("keep what is for tests and the local stack out of what is deployed", () => {
    const development = workspaces
      .filter(({ tags }) => tags.includes("development"))
      .map(({ package: { name } }) => name);
    const deployed = workspaces.filter(({ tags }) => !tags.includes("development") && !tags.includes("local"));
    const breaches = deployed.flatMap(({ folder, package: { dependencies = {} } }) =>
      Object.keys(dependencies)
        .filter((name) => development.includes(name))
        .map((name) => `${folder} depends on ${name}`),
    );
    expect(breaches).toEqual([]);
  });

  it("depend on a service only where they are for development, and then only for tests", () => {
    const services = workspaces
      .filter(({ tags }) => tags.includes("service"))
      .map(({ package: { name = "" } }) => name);
    const dependents = services.flatMap((name) => importers(name));
    const testing = workspaces.filter(({ package: { devDependencies = {} } }) =>
      services.some((name) => devDependencies[name] !== undefined),
    );
    expect(services.length).toBeGreaterThan(4);
    expect(dependents).toEqual([]);
    expect(testing.filter(({ tags }) => !tags.includes("local")).map(({ folder }) => folder)).toEqual([]);
  });

  it("leave NATS to messaging and Drizzle to database", () => {
    expect(importers("nats")).toEqual(["libs/messaging"]);
    expect(importers("drizzle-orm")).toEqual(["libs/database"]);
  });

  it("load Drizzle in one place, which does not load its ES modules: they cost a service more than all the rest", () => {
    const loads = findAll(
      sources.filter((path) => !path.endsWith("tidy.test.ts")),
      /(?:(?<!^import type [^;]*)\bfrom|\bimport|\bimport\(|\(load\(|\brequire\(|\bload\()\s*"(drizzle-orm[^"]*)"/gm,
    );
    expect([...new Set(loads.map(({ path }) => path))]).toEqual(["libs/database/schema/drizzle.ts"]);
    expect(findAll(["libs/database/schema/drizzle.ts"], /^import (?!type).*drizzle|\bimport\(/gm)).toEqual([]);
  });
});

describe("the sources", () => {
  it("of the pure package read no clock and no chance", () => {
    const pure = files.filter((path) => path.startsWith("libs/conversation/src/"));
    expect(pure.length).toBeGreaterThan(0);
    expect(findAll(pure, /new Date\(\s*\)|Date\.now|Math\.random|performance\.|from "(?!\.)/g)).toEqual([]);
  });

  it("have at most 300 lines, or say on the first why they have more", () => {
    const long = sources.filter((path) => {
      const lines = readSource(path).split("\n");
      return lines.length > 301 && !/^\/[/*] Longer than 300 lines, because /.test(lines[0] ?? "");
    });
    expect(long).toEqual([]);
  });

  it("use the words of docs/glossary.md: no file and no export has one of those that are not", () => {
    const unwanted = /^(utils?|helpers?|managers?|chats?|threads?)$/i;
    const names = ours.filter((path) => wordsOf(path.split("/").at(-1) ?? "").some((word) => unwanted.test(word)));
    const exported = findAll(ours, /^export (?:async )?(?:const|function|class|interface|type) (\w+)/gm);
    expect(names).toEqual([]);
    expect(exported.filter(({ found }) => wordsOf(found).some((word) => unwanted.test(word)))).toEqual([]);
  });

  it("give no two exported things one name, but for what every service has by the same", () => {
    const ofEachService = new Set(["Config", "configSchema", "createCommandHandlers"]);
    const places = new Map<string, string[]>();
    const typescript = sources.filter((path) => path.endsWith(".ts"));
    const declared = /^export (?:async )?(?:abstract )?(?:const|function\*?|class|interface|type) (\w+)/gm;
    for (const { path, found } of findAll(typescript, declared)) {
      if (ofEachService.has(found) && path.startsWith("services/")) continue;
      places.set(found, [...(places.get(found) ?? []), path]);
    }
    expect([...places].filter(([, paths]) => paths.length > 1)).toEqual([]);
  });

  it("export by name only", () => {
    expect(findAll(ours, /^export default\b/gm)).toEqual([]);
  });
});

describe("the repository", () => {
  it("has at most 25 entries at its root", () => {
    expect(rootEntries().length).toBeLessThanOrEqual(25);
  });

  it("holds no path of a machine and no registry's host", () => {
    const folders = ["work", "root", "home", "Users"].join("|");
    const machine = new RegExp(`(?:^|[\\s"'\`(=:])(/(?:${folders})/[^\\s"'\`)]*)`, "gm");
    const registry = /(https?:\/\/[^\s"'`)]*registry[^\s"'`)]*|"resolved": "https?:)/g;
    const texts = files.filter((path) => !/\.(png|jpg|ico|woff2?)$/.test(path));
    expect([...findAll(texts, machine), ...findAll(texts, registry)]).toEqual([]);
  });
});

/** The keys of the schema in a service's config.ts, found in what it really exports. */
async function settingsOf(folder: string): Promise<string[]> {
  const path = normalize(join(ROOT, folder, "src/config.ts"));
  const exported = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const schema = Object.values(exported).find(
    (value): value is { shape: object } => typeof value === "object" && value !== null && "shape" in value,
  );
  return Object.keys(schema?.shape ?? {});
}
