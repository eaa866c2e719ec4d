import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { listFiles, listWorkspaces, readSource } from "./repository.ts";

const files = listFiles();
const sources = new Set(files.filter((path) => /\.(ts|mjs|js)$/.test(path)));
const workspaces = listWorkspaces(files);

/** The picture in ARCHITECTURE.md, from the ground up: what is deployed imports only what stands in a row above its own. */
const LAYERS = [
  ["libs/conversation", "libs/runtime"],
  ["libs/contracts"],
  ["libs/whatsapp", "libs/database", "libs/messaging"],
  ["libs/relay"],
  ["libs/stateful-service"],
  ["services/*", "tools/*"],
];

const folderOf = (path: string) => path.split("/").slice(0, 2).join("/");
const layerOf = (folder: string) =>
  LAYERS.findIndex((layer) => layer.includes(folder) || layer.includes(`${dirname(folder)}/*`));

/** The file that a package of ours exports under a path, such as `./src/index.ts`. Null for a package of others. */
function findExport(imported: string): string | null {
  const workspace = workspaces.find(
    ({ package: { name = "-" } }) => imported === name || imported.startsWith(`${name}/`),
  );
  if (workspace === undefined) return null;
  const wanted = `.${imported.slice(workspace.package.name?.length)}`;
  for (const [path, file] of Object.entries(workspace.package.exports ?? {})) {
    const [start = "", end] = path.split("*");
    const isMet = end === undefined ? wanted === path : wanted.startsWith(start) && wanted.endsWith(end);
    if (isMet) return join(workspace.folder, file.replace("*", wanted.slice(start.length)));
  }
  throw new Error(`${imported} is imported, and its package does not export it`);
}

/** The files of ours that a file imports, also those of which it takes only types: a reader has to follow these too. */
function readImports(path: string): string[] {
  const statements = readSource(path).matchAll(
    /^(?:import|export)\b(?:[^"';]*?\bfrom)?\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm,
  );
  return [...statements].flatMap(([, fixed, late]) => {
    const imported = fixed ?? late ?? "";
    const found = imported.startsWith(".") ? join(dirname(path), imported) : findExport(imported);
    return found !== null && sources.has(found) ? [found] : [];
  });
}

const imports = new Map([...sources].map((path) => [path, readImports(path)]));

/** The first circle that leads from a file back to it, or null. `settled` holds the files from which none is reached. */
function findCircle(path: string, trail: readonly string[], settled: Set<string>): string[] | null {
  if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
  if (settled.has(path)) return null;
  for (const next of imports.get(path) ?? []) {
    const circle = findCircle(next, [...trail, path], settled);
    if (circle !== null) return circle;
  }
  settled.add(path);
  return null;
}

describe("the imports", () => {
  it("are found", () => {
    const seen = [...imports.values()].reduce((sum, found) => sum + found.length, 0);
    expect(seen).toBeGreaterThan(sources.size);
    expect(imports.get("libs/relay/src/relay.ts")).toContain("libs/database/src/index.ts");
    expect(imports.get("develop/local/src/start.ts")).toContain("tools/turno/src/terminal/usage.ts");
  });

  it("never lead from a file back to it", () => {
    const settled = new Set<string>();
    let circle: string[] | null = null;
    for (const path of sources) circle ??= findCircle(path, [], settled);
    expect(circle).toBe(null);
  });

  it("of what is deployed lead down the layers, and never from a service to a service", () => {
    const deployed = workspaces.map(({ folder }) => folder).filter((folder) => !folder.startsWith("develop/"));
    expect(deployed.filter((folder) => layerOf(folder) < 0)).toEqual([]);
    const upwards = [...imports]
      // Tests and scripts run on a developer's machine only, and may take from `develop`.
      .filter(([path]) => deployed.includes(folderOf(path)) && !/\/(test|scripts)\//.test(path))
      .flatMap(([path, found]) => found.map((target) => ({ path, target })))
      .filter(({ path, target }) => folderOf(path) !== folderOf(target))
      .filter(({ path, target }) => {
        const below = layerOf(folderOf(target));
        return below < 0 || below >= layerOf(folderOf(path));
      });
    expect(upwards.map(({ path, target }) => `${path} imports ${target}`)).toEqual([]);
  });
});
