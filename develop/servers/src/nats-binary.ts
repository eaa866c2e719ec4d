import { access, chmod, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { addToCache, cacheFolder, listCache } from "./cache.ts";
import { unpackNatsFromDebian } from "./debian-package.ts";
import { messageOf, ServerFailure, type Progress } from "./failure.ts";
import { unpackNatsRelease } from "./nats-release.ts";
import { checkNatsServer, compareVersions, NATS_VERSION_MIN } from "./nats-version.ts";

export interface NatsBinary {
  path: string;
  version: string;
}

export interface FindNatsOptions {
  environment?: NodeJS.ProcessEnv;
  onProgress?: Progress;
  /** Ways to fetch it when it is not on the machine, in order; each fills a folder with `nats-server`. */
  origins?: readonly NatsOrigin[];
}

export interface NatsOrigin {
  name: string;
  unpack(folder: string): Promise<void>;
}

const ORIGINS: readonly NatsOrigin[] = [
  { name: "official release archive", unpack: unpackNatsRelease },
  { name: "Debian's testing suite", unpack: unpackNatsFromDebian },
];

const CACHE_PREFIX = "nats-server-";

async function findOnPath(environment: NodeJS.ProcessEnv, tried: string[]): Promise<NatsBinary | null> {
  for (const folder of (environment["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, "nats-server");
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!isThere) continue;
    try {
      return { path, version: await checkNatsServer(path) };
    } catch (error) {
      tried.push(`PATH: ${messageOf(error)}`);
    }
  }
  if (!tried.some((entry) => entry.startsWith("PATH"))) tried.push("PATH: no nats-server in it");
  return null;
}

async function findInCache(cache: string, tried: string[]): Promise<NatsBinary | null> {
  const names = await listCache(cache, CACHE_PREFIX);
  for (const name of names.toSorted((left, right) => compareVersions(right, left))) {
    const path = join(cache, name, "nats-server");
    try {
      return { path, version: await checkNatsServer(path) };
    } catch (error) {
      tried.push(`cache: ${messageOf(error)}`);
    }
  }
  if (names.length === 0) tried.push(`cache: none in ${cache}`);
  return null;
}

/** Fetches into the cache, under the version that the program itself says it is. */
async function fetchFrom(origin: NatsOrigin, cache: string): Promise<NatsBinary> {
  let version = "";
  const folder = await addToCache(cache, async (draft) => {
    await origin.unpack(draft);
    const path = join(draft, "nats-server");
    await chmod(path, 0o755);
    version = await checkNatsServer(path);
    return `${CACHE_PREFIX}${version}`;
  });
  return { path: join(folder, "nats-server"), version };
}

/**
 * Finds a nats-server that can store durably: `NATS_SERVER_BIN`, then PATH, the cache, the official release, Debian's
 * package. Throws a `ServerFailure` that lists what was tried and why each did not do.
 */
export async function findNatsServer(options: FindNatsOptions = {}): Promise<NatsBinary> {
  const environment = options.environment ?? process.env;
  const chosen = environment["NATS_SERVER_BIN"];
  if (chosen !== undefined && chosen !== "") {
    try {
      return { path: chosen, version: await checkNatsServer(chosen) };
    } catch (error) {
      throw new ServerFailure(`NATS_SERVER_BIN does not name a usable nats-server: ${messageOf(error)}`);
    }
  }
  const tried: string[] = [];
  const onPath = await findOnPath(environment, tried);
  if (onPath !== null) return onPath;
  const cache = await cacheFolder(environment);
  const cached = await findInCache(cache, tried);
  if (cached !== null) return cached;
  for (const origin of options.origins ?? ORIGINS) {
    options.onProgress?.(`fetching nats-server: ${origin.name}`);
    try {
      return await fetchFrom(origin, cache);
    } catch (error) {
      tried.push(`${origin.name}: ${messageOf(error)}`);
      options.onProgress?.(`${origin.name} did not do: ${messageOf(error)}`);
    }
  }
  throw new ServerFailure(
    `no nats-server ${NATS_VERSION_MIN} or newer could be found or fetched. Install one and put it on PATH, ` +
      `name it with NATS_SERVER_BIN, or use a running server with NATS_URL. Tried:\n  ${tried.join("\n  ")}`,
  );
}
