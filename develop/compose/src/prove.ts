// Runs docker-compose.yml on this machine and writes what was seen into deploy/README.md. It wants root on Linux, because it
// reads what the kernel says of each container's process, and kills it.
import { messageOf } from "@turno/servers";
import { availableParallelism, loadavg } from "node:os";
import process from "node:process";
import { findEngine, type Engine } from "./engine.ts";
import { readVersions, writeResult, type Row } from "./result.ts";
import { createStack, type ComposeStack } from "./stack.ts";
import { STEPS } from "./steps.ts";
import { createWebhooks } from "./webhooks.ts";

const print = (text: string) => process.stdout.write(`${text}\n`);

async function prove(engine: Engine, stack: ComposeStack): Promise<boolean> {
  // How long things take says little without it.
  const machine = `${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(0)} at the beginning`;
  print(`${engine.name}, Compose ${engine.composeVersion}; ${machine}`);
  const proof = { engine, stack, webhooks: createWebhooks(stack.gatewayUrl, stack.secretOf("WHATSAPP_APP_SECRETS")) };
  const rows: Row[] = [];
  let versions: string[] = [];
  for (const { name, run } of STEPS) {
    try {
      const seen = await run(proof);
      print(`ok      ${name}: ${seen}`);
      rows.push({ name, seen });
      if (rows.length === 3) versions = await readVersions(engine, stack);
    } catch (error) {
      print(await stack.compose("logs", "--tail", "20").catch(messageOf));
      print(`FAILED  ${name}: ${messageOf(error)}`);
      return false;
    }
  }
  await writeResult([machine, ...versions], rows);
  print("deploy/README.md holds the result.");
  return true;
}

/** Ends what was started, and the process with it. */
async function finish(engine: Engine, stack: ComposeStack, code: number): Promise<never> {
  await stack
    .compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
    .catch((error: unknown) => print(messageOf(error)));
  await engine.stop();
  process.exit(code);
}

if (process.argv.length > 2) {
  print(`npm run compose-proof takes no arguments, and got: ${process.argv.slice(2).join(" ")}`);
  process.exit(2);
}
const engine = await findEngine();
const stack = await createStack(engine);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void finish(engine, stack, 130));
const isProven = await prove(engine, stack).catch((error: unknown) => {
  print(messageOf(error));
  return false;
});
await finish(engine, stack, isProven ? 0 : 1);
