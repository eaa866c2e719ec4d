import { ROOT } from "@turno/servers";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What `.gitignore` keeps out, and git itself. The tree is walked, because a copy of it need not be a git clone. */
const LEFT_OUT = new Set([".git", "node_modules", ".turbo", ".turno"]);
const LEFT_OUT_ENDINGS = /\.(log|tsbuildinfo)$/;

export const rootEntries = (): string[] => readdirSync(ROOT).filter((name) => !LEFT_OUT.has(name));

/** Every file of the repository, as paths from its root. */
export function listFiles(folder = ""): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (LEFT_OUT.has(entry.name) || LEFT_OUT_ENDINGS.test(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return entry.isFile() ? [path] : [];
  });
}

export const readSource = (path: string): string => readFileSync(join(ROOT, path), "utf8");

export interface PackageFile {
  name?: string;
  private?: boolean;
  license?: string;
  scripts?: Record<string, string>;
  /** What other packages may import of it, and the file of each. */
  exports?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

export interface Workspace {
  folder: string;
  package: PackageFile;
  /** Of its turbo.json: what it may depend on. */
  tags: string[];
}

/** The packages of the repository: every folder with a package.json below the root. */
export function listWorkspaces(files: readonly string[]): Workspace[] {
  return files
    .filter((path) => path.endsWith("/package.json"))
    .map((path) => {
      const folder = path.slice(0, -"/package.json".length);
      const turbo = files.includes(`${folder}/turbo.json`) ? readSource(`${folder}/turbo.json`) : "{}";
      const { tags = [] } = JSON.parse(turbo) as { tags?: string[] };
      return { folder, package: JSON.parse(readSource(path)) as PackageFile, tags };
    });
}
