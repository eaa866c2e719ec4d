import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findNatsServer, type NatsOrigin } from "../src/nats-binary.ts";
import { compareVersions } from "../src/nats-version.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "turno-nats-binary-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function writeNatsServer(target: string, version: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const path = join(target, "nats-server");
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  await chmod(path, 0o755);
}

function environmentOf(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { PATH: join(folder, "path"), TURNO_CACHE_DIR: join(folder, "cache"), ...more };
}

const working: NatsOrigin = { name: "a working origin", unpack: (target) => writeNatsServer(target, "2.15.1") };
const failing: NatsOrigin = { name: "a failing origin", unpack: () => Promise.reject(new Error("no network")) };

describe("finding nats-server", () => {
  it("takes the one that NATS_SERVER_BIN names before any other", async () => {
    await writeNatsServer(join(folder, "path"), "2.15.0");
    await writeNatsServer(join(folder, "own"), "2.11.3");
    const path = join(folder, "own", "nats-server");
    const found = await findNatsServer({ environment: environmentOf({ NATS_SERVER_BIN: path }), origins: [] });
    expect(found).toEqual({ path, version: "2.11.3" });
  });

  it("does not go on to others where the one of NATS_SERVER_BIN cannot be used", async () => {
    await writeNatsServer(join(folder, "path"), "2.15.0");
    const environment = environmentOf({ NATS_SERVER_BIN: join(folder, "nowhere") });
    await expect(findNatsServer({ environment, origins: [] })).rejects.toThrow(
      "NATS_SERVER_BIN does not name a usable",
    );
  });

  it("refuses one on PATH that cannot store durably, and fetches another", async () => {
    await writeNatsServer(join(folder, "path"), "2.9.10");
    const found = await findNatsServer({ environment: environmentOf(), origins: [failing, working] });
    expect(found.version).toBe("2.15.1");
    expect(found.path).toContain(join(folder, "cache"));
  });

  it("fetches once: later starts take it from the cache", async () => {
    await findNatsServer({ environment: environmentOf(), origins: [working] });
    const again = await findNatsServer({ environment: environmentOf(), origins: [failing] });
    expect(again.version).toBe("2.15.1");
  });

  it("lets two starters fetch at once, and leaves one program and no rest", async () => {
    const environment = environmentOf();
    const options = { environment, origins: [working] };
    const found = await Promise.all([findNatsServer(options), findNatsServer(options), findNatsServer(options)]);
    expect(new Set(found.map(({ path }) => path)).size).toBe(1);
    expect(await readdir(join(folder, "cache"))).toEqual(["nats-server-2.15.1"]);
  });

  it("says what was tried, why each did not do, and what to do", async () => {
    await writeNatsServer(join(folder, "path"), "2.9.10");
    const finding = findNatsServer({ environment: environmentOf(), origins: [failing] });
    await expect(finding).rejects.toThrow(/NATS_SERVER_BIN.*NATS_URL/);
    await expect(finding).rejects.toThrow("is version 2.9.10; it must be 2.11.0 or newer");
    await expect(finding).rejects.toThrow("a failing origin: no network");
  });

  it("compares versions by number", () => {
    expect(compareVersions("2.10.0", "2.9.10")).toBeGreaterThan(0);
    expect(compareVersions("2.15.1", "2.15.1")).toBe(0);
  });
});
