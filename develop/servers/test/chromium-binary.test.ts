import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findChromium } from "../src/chromium-binary.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "turno-chromium-binary-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function writeProgram(path: string, says: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "${says}"\n`);
  await chmod(path, 0o755);
  return path;
}

const environmentOf = (more: Record<string, string> = {}) => ({
  PATH: join(folder, "path"),
  TURNO_CACHE_DIR: join(folder, "cache"),
  ...more,
});
const unreachable = () => Promise.reject(new Error("no network"));

describe("finding Chromium", () => {
  it("takes the one that CHROMIUM_BIN names before any other, and goes on to none where that cannot be used", async () => {
    await writeProgram(join(folder, "path", "chromium"), "Chromium 1.2.3");
    const own = await writeProgram(join(folder, "own"), "Chromium 153.0.1 built on Debian");
    const found = await findChromium({ environment: environmentOf({ CHROMIUM_BIN: own }), fetch: unreachable });
    expect(found).toEqual({ path: own, version: "153.0.1", environment: {} });
    const wrong = environmentOf({ CHROMIUM_BIN: join(folder, "nowhere") });
    await expect(findChromium({ environment: wrong })).rejects.toThrow("CHROMIUM_BIN does not name a usable");
  });

  it("takes one on PATH by any of its names, past one that does not run", async () => {
    await writeProgram(join(folder, "path", "chromium"), "not yet installed");
    const path = await writeProgram(join(folder, "path", "google-chrome"), "Google Chrome 156.0.1.2");
    expect(await findChromium({ environment: environmentOf(), fetch: unreachable })).toMatchObject({ path });
  });

  it("fetches it once, with the libraries and fonts that it brings: later runs take it from the cache", async () => {
    const fetch = async (target: string) => {
      await writeProgram(join(target, "chromium"), "Chromium 153.0.0");
    };
    const options = { environment: environmentOf(), fetch };
    const found = await Promise.all([findChromium(options), findChromium(options)]);
    const again = await findChromium({ environment: environmentOf(), fetch: unreachable });
    expect(found).toEqual([again, again]);
    expect(again.environment["LD_LIBRARY_PATH"]).toBe(join(dirname(again.path), "lib"));
    expect(await readdir(join(folder, "cache"))).toHaveLength(1);
  });

  it("says what was tried, why each did not do, and what to do", async () => {
    await writeProgram(join(folder, "path", "chromium"), "not yet installed");
    const finding = findChromium({ environment: environmentOf(), fetch: unreachable });
    await expect(finding).rejects.toThrow(/apt-get install chromium.*CHROMIUM_BIN/);
    await expect(finding).rejects.toThrow('is no Chromium: it says "not yet installed"');
    await expect(finding).rejects.toThrow("npm package @sparticuz/chromium: no network");
  });
});
