import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { readMemory } from "../cpu.ts";
import type { PartResult } from "../results.ts";
import { GATEWAY_ENVIRONMENT, type BenchScene } from "../scene.ts";
import { median } from "../statistics.ts";

const SERVICES = new URL("../../../../services/", import.meta.url);

/** How long each service takes until it listens, and the memory it then holds. */
export async function measureMemory(scene: BenchScene): Promise<PartResult> {
  const [broker, database] = await Promise.all([scene.startBroker({ syncAlways: true }), scene.createDatabase()]);
  const environment = {
    ...GATEWAY_ENVIRONMENT,
    NATS_URL: broker.url,
    DATABASE_URL: database.url,
    WHATSAPP_ACCESS_TOKEN: "bench-token",
    GRAPH_URL: "http://127.0.0.1:9",
  };
  const rows: (string | number)[][] = [];
  for (const name of await listServices()) {
    const [starts, memories]: [number[], number[]] = [[], []];
    for (let round = 0; round < scene.size(5, 1); round++) {
      const startedAt = performance.now();
      const service = await scene.startService(name, environment);
      starts.push(performance.now() - startedAt);
      memories.push(await readMemory(service.pid));
      await service.kill();
    }
    rows.push([name, median(starts), median(memories)]);
  }
  return {
    figures: {},
    tables: [{ title: "Start and memory of each service", columns: ["service", "ms to listening", "MB"], rows }],
  };
}

async function listServices(): Promise<string[]> {
  const names: string[] = [];
  for (const name of (await readdir(SERVICES)).toSorted()) {
    if (existsSync(new URL(`${name}/src/main.ts`, SERVICES))) names.push(name);
  }
  return names;
}
