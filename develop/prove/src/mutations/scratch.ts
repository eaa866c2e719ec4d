import { ROOT } from "@turno/servers";
import { execFile } from "node:child_process";
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { replaceOnce, type Change } from "./change.ts";

/** A copy of the working tree in which the product may be broken. */
export interface Scratch {
  folder: string;
  /** Makes the changes; the function it gives undoes them. Throws where an anchor is not found exactly once. */
  apply(changes: readonly Change[]): Promise<() => Promise<void>>;
  remove(): Promise<void>;
}

/** Copies what git knows and what it does not ignore. What is installed is linked, but our own packages are those of the copy. */
export async function createScratch(): Promise<Scratch> {
  const folder = await mkdtemp(join(tmpdir(), "turno-mutations-"));
  const listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const { stdout } = await promisify(execFile)("git", listing, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
  for (const path of stdout.split("\0").filter((name) => name !== "")) {
    if (!(await exists(join(ROOT, path)))) continue;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await cp(join(ROOT, path), join(folder, path));
  }
  await linkInstalled(folder);
  return {
    folder,
    apply: async (changes) => {
      const originals = new Map<string, string>();
      for (const change of changes) {
        const path = join(folder, change.file);
        const text = await readFile(path, "utf8");
        if (!originals.has(path)) originals.set(path, text);
        await writeFile(path, replaceOnce(text, change));
      }
      return async () => {
        for (const [path, text] of originals) await writeFile(path, text);
      };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

const OURS = "@turno";

async function linkInstalled(folder: string): Promise<void> {
  const from = join(ROOT, "node_modules");
  const to = join(folder, "node_modules");
  await mkdir(to);
  for (const name of await readdir(from)) {
    // Their links are relative: in the copy they lead to the copy's own packages.
    if (name === OURS) await cp(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true });
    else await symlink(join(from, name), join(to, name));
  }
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
