import { ROOT, startGuardedProcess } from "@turno/servers";
import { waitFor } from "@turno/testing";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "./engine.ts";
import type { ComposeStack } from "./stack.ts";
import type { Webhooks } from "./webhooks.ts";

const READY_MS_MAX = 30_000;

/** Returns the command line that runs `inside.ts` in the gateway's container: the image holds the libraries that it needs. */
async function insideCommand(stack: ComposeStack, task: string, name: string) {
  const text = await readFile(join(ROOT, "develop", "compose", "src", "inside.ts"), "utf8");
  return {
    command: ["node", "--input-type=module-typescript", "--eval", text, task, name],
    environment: { NATS_URL: `nats://cli:${stack.secretOf("NATS_PASSWORD_CLI")}@nats:4222` },
  };
}

/** Makes a group, an agent and the channel. */
export async function configureStack(stack: ComposeStack, phoneNumberId: string): Promise<void> {
  const { command, environment } = await insideCommand(stack, "configure", phoneNumberId);
  await stack.execute("gateway", command, environment);
}

/** Posts one webhook and returns the milliseconds until its event of assignment was seen on the broker. */
export async function roundTrip(engine: Engine, stack: ComposeStack, webhooks: Webhooks, id: string): Promise<number> {
  const { command, environment } = await insideCommand(stack, "await", id);
  const gateway = (await stack.containers()).find(({ service, isRunning }) => service === "gateway" && isRunning);
  const given = Object.entries(environment).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
  const watching = await startGuardedProcess({
    command: engine.program,
    args: ["exec", ...given, gateway?.id ?? "", ...command],
    orphanSignal: "KILL",
  });
  const hears = (word: string) => {
    if (watching.lastLines().includes(word)) return true;
    if (watching.hasExited) throw new Error(watching.lastLines().slice(-8).join("\n"));
    return false;
  };
  await waitFor(() => hears("watching"), { what: "events are watched", timeoutMs: READY_MS_MAX });
  const postedAt = performance.now();
  const status = await webhooks.post({ id });
  if (status !== 200) throw new Error(`the webhook was answered ${status}`);
  await waitFor(() => hears("assigned"), { what: "the event of assignment is seen", timeoutMs: READY_MS_MAX });
  const tookMs = performance.now() - postedAt;
  await watching.exited;
  return tookMs;
}
