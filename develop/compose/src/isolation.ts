import { readFile } from "node:fs/promises";
import { ONE_SHOTS } from "./containers.ts";
import type { ComposeStack } from "./stack.ts";

/** Returns what is wrong with the isolation of the containers that run: their rights, as the kernel has them, and their roots. */
export async function findOpenings(stack: ComposeStack): Promise<string[]> {
  const running = (await stack.containers()).filter(({ service }) => !ONE_SHOTS.includes(service));
  const faults: string[] = [];
  for (const { service, pid } of running) {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const read = (key: string) => new RegExp(`^${key}:\\s+(\\S+)`, "m").exec(status)?.[1];
    if (read("Uid") === "0") faults.push(`${service} runs as root`);
    for (const key of ["CapEff", "CapPrm", "CapBnd"]) {
      if (!/^0+$/.test(read(key) ?? "")) faults.push(`${service} has capabilities: ${key} ${read(key)}`);
    }
    if (read("NoNewPrivs") !== "1") faults.push(`${service} may gain privileges`);
    const mounts = await readFile(`/proc/${pid}/mounts`, "utf8");
    const root = mounts.split("\n").find((line) => line.split(" ")[1] === "/");
    if (!/ ro[, ]/.test(root ?? "")) faults.push(`${service} can write to its root`);
  }
  return faults;
}

/** Returns which ports of the host lead into the stack. */
export async function listPublished(stack: ComposeStack): Promise<string[]> {
  const lines = (await stack.compose("ps", "--format", "json")).trim().split("\n");
  const containers = lines.flatMap((line) => JSON.parse(line) as Published | Published[]);
  const open = containers.filter(({ Publishers: ports }) => (ports ?? []).some((port) => port.PublishedPort > 0));
  return [...new Set(open.map(({ Service: service }) => service))].toSorted();
}

interface Published {
  Service: string;
  Publishers: { PublishedPort: number }[] | null;
}
