import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { addToCache, cacheFolder, listCache } from "./cache.ts";
import { findDebianSource, writeTestingSource } from "./apt-sources.ts";
import { messageOf, ServerFailure } from "./failure.ts";

const SOURCE_LIST = "/etc/apt/sources.list";
const SOURCE_FOLDER = "/etc/apt/sources.list.d";
const APT_MS_MAX = 120_000;

async function readWhereItExists(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function readSources(): Promise<{ name: string; text: string }[]> {
  const listed = await readdir(SOURCE_FOLDER).catch(() => []);
  const names = listed.filter((name) => name.endsWith(".sources") || name.endsWith(".list"));
  const paths = [SOURCE_LIST, ...names.toSorted().map((name) => join(SOURCE_FOLDER, name))];
  const texts = await Promise.all(paths.map((path) => readWhereItExists(path)));
  return paths.flatMap((name, index) => (texts[index] === null ? [] : [{ name, text: texts[index] ?? "" }]));
}

async function findSource() {
  const release = (await readWhereItExists("/etc/os-release")) ?? "";
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(release)?.[1];
  if (!/^ID="?debian"?$/m.test(release) || codename === undefined) throw new ServerFailure("this is not Debian");
  const source = findDebianSource(await readSources(), codename);
  if (source === null) {
    throw new ServerFailure(`no source of Debian's ${codename} in ${SOURCE_LIST} or ${SOURCE_FOLDER}`);
  }
  return source;
}

/** A program in a package of Debian's testing suite. */
export interface DebianProgram {
  package: string;
  /** Where it may lie in the package; the first that is there is taken. */
  paths: readonly string[];
}

const NATS_SERVER: DebianProgram = { package: "nats-server", paths: ["usr/sbin/nats-server", "usr/bin/nats-server"] };

export const unpackNatsFromDebian = (folder: string): Promise<void> => unpackDebianProgram(folder, NATS_SERVER);

/** Returns where the cache holds a program of Debian's testing suite, fetched there when it is not in it yet. */
export async function findDebianProgram(program: DebianProgram): Promise<string> {
  const cache = await cacheFolder();
  const name = `debian-${program.package}`;
  const [kept] = await listCache(cache, name);
  const build = (folder: string) => unpackDebianProgram(folder, program).then(() => name);
  const folder = kept === undefined ? await addToCache(cache, build) : join(cache, kept);
  return join(folder, program.package);
}

/**
 * Fetches a program of Debian's testing suite and puts it into `folder`, under its package's name, without installing it:
 * apt runs on lists and caches of its own, so neither root nor a change to the machine is needed.
 */
async function unpackDebianProgram(folder: string, program: DebianProgram): Promise<void> {
  const source = await findSource();
  const work = await mkdtemp(join(tmpdir(), "turno-apt-"));
  const run = async (command: string, args: string[]) => {
    try {
      await promisify(execFile)(command, args, { cwd: work, timeout: APT_MS_MAX });
    } catch (error) {
      const said = (error as { stderr?: string }).stderr?.trim();
      throw new ServerFailure(
        `${command} ${args.at(-1)}: ${said === undefined || said === "" ? messageOf(error) : said}`,
      );
    }
  };
  try {
    const [parts, lists, cache] = [join(work, "sources"), join(work, "lists"), join(work, "cache")];
    await mkdir(parts);
    await mkdir(join(lists, "partial"), { recursive: true });
    await mkdir(join(cache, "archives", "partial"), { recursive: true });
    await writeFile(join(parts, "testing.sources"), writeTestingSource(source));
    const options = [
      "Dir::Etc::SourceList=/dev/null",
      `Dir::Etc::SourceParts=${parts}`,
      `Dir::State::Lists=${lists}`,
      `Dir::Cache=${cache}`,
      "APT::Sandbox::User=",
      "Acquire::Languages=none",
      "Acquire::Retries=2",
      "Acquire::http::Timeout=20",
    ].flatMap((option) => ["-o", option]);
    await run("apt-get", [...options, "update"]);
    await run("apt-get", [...options, "download", program.package]);
    const name = (await readdir(work)).find((entry) => entry.endsWith(".deb"));
    if (name === undefined) throw new ServerFailure("apt-get downloaded nothing");
    await run("dpkg-deb", ["-x", join(work, name), join(work, "unpacked")]);
    const places = program.paths.map((path) => join(work, "unpacked", path));
    const place = places.find((path) => existsSync(path));
    if (place === undefined) throw new ServerFailure(`${name} does not hold ${program.paths.join(" or ")}`);
    await copyFile(place, join(folder, program.package));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
