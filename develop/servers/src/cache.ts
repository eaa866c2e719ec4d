import { randomUUID } from "node:crypto";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, ServerFailure } from "./failure.ts";

/**
 * Where programs are kept between starts, best first. Root's own cache lies where other users cannot enter, and
 * Postgres must run as another user, so root's programs go to the machine's cache folder.
 */
function candidates(environment: NodeJS.ProcessEnv): string[] {
  const uid = process.getuid?.() ?? 0;
  const chosen = environment["TURNO_CACHE_DIR"];
  if (chosen !== undefined && chosen !== "") return [chosen];
  const inTemporary = join(tmpdir(), `turno-cache-${uid}`);
  if (uid === 0) return ["/var/cache/turno", inTemporary];
  return [join(environment["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "turno"), inTemporary];
}

/** Programs are run from the cache: nobody else may be able to put one there. */
async function isOurs(folder: string): Promise<boolean> {
  const found = await lstat(folder);
  return found.isDirectory() && found.uid === (process.getuid?.() ?? found.uid) && (found.mode & 0o022) === 0;
}

/** The per-user cache folder, made when missing. Throws a `ServerFailure` that names what was tried. */
export async function cacheFolder(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const tried: string[] = [];
  for (const folder of candidates(environment)) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      if (await isOurs(folder)) return folder;
      tried.push(`${folder}: belongs to somebody else or others may write to it`);
    } catch (error) {
      tried.push(`${folder}: ${messageOf(error)}`);
    }
  }
  throw new ServerFailure(
    `no folder to keep downloaded programs in; set TURNO_CACHE_DIR to one of your own.\n  ${tried.join("\n  ")}`,
  );
}

/**
 * Puts a folder into the cache as one step: `build` fills a folder of its own and returns its name, under which it is
 * then put into place. Of two that do so at once the first one's folder stays and the other's is removed.
 */
export async function addToCache(cache: string, build: (folder: string) => Promise<string>): Promise<string> {
  const draft = join(cache, `.draft-${randomUUID()}`);
  await mkdir(draft, { mode: 0o755 });
  try {
    const target = join(cache, await build(draft));
    await rename(draft, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    return target;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Names in the cache that start with `prefix`. */
export async function listCache(cache: string, prefix: string): Promise<string[]> {
  return (await readdir(cache)).filter((name) => name.startsWith(prefix));
}
