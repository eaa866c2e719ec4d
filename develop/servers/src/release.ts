import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./root.ts";

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const SCOPE = "@turno";

async function run(command: string, args: readonly string[], cwd = ROOT): Promise<Buffer> {
  return (await promisify(execFile)(command, args, { cwd, encoding: "buffer", maxBuffer: OUTPUT_BYTES_MAX })).stdout;
}

/** Returns the commit of the last release. It is named in a file, because a commit cannot name itself. */
export async function findLastRelease(): Promise<string> {
  const named = readFileSync(join(ROOT, "deploy", "last-release"), "utf8").trim();
  try {
    return (await run("git", ["rev-parse", "--verify", "--quiet", `${named}^{commit}`])).toString().trim();
  } catch (error) {
    const message = `${named}, which deploy/last-release names, is not in this clone: fetch the whole history (git fetch --unshallow)`;
    throw new Error(message, { cause: error });
  }
}

/** Returns the migrations of a commit by their files' names. */
export async function readMigrations(commit: string): Promise<Map<string, string>> {
  const folder = "libs/database/migrations/";
  const listed = (await run("git", ["ls-tree", "--name-only", commit, folder])).toString().trim().split("\n");
  const files = listed.filter((path) => path.endsWith(".sql"));
  const texts = await Promise.all(files.map((path) => run("git", ["show", `${commit}:${path}`])));
  return new Map(files.map((path, index) => [path, texts[index]?.toString() ?? ""]));
}

/** Puts the tree of a commit into a folder of its own, with what its services need to run. Returns the folder. */
export async function unpackRelease(commit: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "turno-release-"));
  const archive = join(folder, "archive.tar");
  await writeFile(archive, await run("git", ["archive", "--format=tar", commit]));
  await run("tar", ["-xf", archive, "-C", folder]);
  if (hasSamePackages(folder)) await linkPackages(folder);
  else await run("npm", ["ci", "--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"], folder);
  return folder;
}

interface Lockfile {
  packages: Record<string, { version?: string; dev?: boolean; optional?: boolean; link?: boolean }>;
}

/** Tells whether all that the release runs with is installed here in the same versions. */
function hasSamePackages(folder: string): boolean {
  const [wanted, here] = [folder, ROOT].map(
    (root) => (JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lockfile).packages,
  );
  return Object.entries(wanted ?? {})
    .filter(([path, { dev, optional, link }]) => /(^|\/)node_modules\//.test(path) && !dev && !optional && !link)
    .every(([path, { version }]) => here?.[path]?.version === version && existsSync(join(ROOT, path)));
}

/** Links to the packages that are installed here, but for our own, which are the release's. */
async function linkPackages(folder: string): Promise<void> {
  const installed = join(ROOT, "node_modules");
  const target = join(folder, "node_modules");
  await mkdir(join(target, SCOPE), { recursive: true });
  const names = readdirSync(installed).filter((name) => name !== SCOPE && !name.startsWith("."));
  await Promise.all(names.map((name) => symlink(join(installed, name), join(target, name))));
  const own = ["libs", "services"].flatMap((kind) =>
    readdirSync(join(folder, kind)).map((name) => join(folder, kind, name)),
  );
  await Promise.all(
    own.map((path) => {
      const { name } = JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as { name: string };
      return symlink(path, join(target, name));
    }),
  );
}
