import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { addToCache, cacheFolder } from "../src/cache.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "turno-cache-test-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("the cache of programs", () => {
  it("is never a folder into which others may write", async () => {
    const open = join(folder, "open");
    await mkdir(open);
    await chmod(open, 0o777);
    await expect(cacheFolder({ TURNO_CACHE_DIR: open })).rejects.toThrow("others may write to it");
  });

  it("keeps nothing of an entry whose making failed", async () => {
    const failing = addToCache(folder, async (draft) => {
      await writeFile(join(draft, "half"), "");
      throw new Error("broken off");
    });
    await expect(failing).rejects.toThrow("broken off");
    expect(await readdir(folder)).toEqual([]);
  });
});
