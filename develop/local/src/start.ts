import { connectToNats } from "@turno/messaging";
import { messageOf, ROOT } from "@turno/servers";
import { onEndRequested } from "@turno/turno/terminal/process-end";
import { isArgumentFault, refuseUsage } from "@turno/turno/terminal/usage";
import { randomInt } from "node:crypto";
import process from "node:process";
import {
  dataFolder,
  openDataFolder,
  openSecrets,
  readStackAddress,
  writeStackAddress,
  type StackAddress,
} from "./data-folder.ts";
import { formatInstant } from "./format.ts";
import { describeStart } from "./hints.ts";
import { showLiveFlow } from "./live-flow.ts";
import { startPeople } from "./people.ts";
import { createScreen } from "./screen.ts";
import { seed } from "./seed.ts";
import { readSettings, SettingFailure, START_USAGE, type StartSettings } from "./settings.ts";
import { startStack } from "./stack.ts";
import { print } from "./steps.ts";
import { writeWebhookSample } from "./webhook-sample.ts";

const startedAt = performance.now();
const cleanups: (() => Promise<void>)[] = [];
let isStopping = false;

function onCleanup(cleanup: () => Promise<void>): void {
  cleanups.push(cleanup);
}

function progress(step: string): void {
  print(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${step}`);
}

/** Ends everything, the last started first, and then this process. What does not end in time is killed with it. */
async function stop(reason: string, exitCode: number): Promise<never> {
  isStopping = true;
  print(`\nStopping (${reason}).`);
  let code = exitCode;
  for (const cleanup of cleanups.toReversed()) {
    try {
      await cleanup();
    } catch (error) {
      print(messageOf(error));
      code = 1;
    }
  }
  print("Stopped. The data is kept for the next start.");
  process.exit(code);
}

async function isAnswering(address: StackAddress): Promise<boolean> {
  return fetch(`${address.gatewayUrl}/health/live`, { signal: AbortSignal.timeout(1000) }).then(
    (response) => response.ok,
    () => false,
  );
}

async function assertNotRunning(folder: string): Promise<void> {
  const address = await readStackAddress(folder);
  if (address === null || !(await isAnswering(address))) return;
  throw new Error(
    `Turno already runs on this data (process ${address.pid}, ${address.gatewayUrl}). End it first, or start another ` +
      `one beside it: TURNO_DATA_DIR=<folder> GATEWAY_PORT=<port> npm start`,
  );
}

async function start(settings: StartSettings): Promise<void> {
  const folder = dataFolder(ROOT, process.env, process.getuid?.());
  await openDataFolder(folder);
  await assertNotRunning(folder);
  const secrets = await openSecrets(folder);
  progress(`data in ${folder}`);
  let nowMs = Date.now;
  const screen = createScreen(process.stdout, () => formatInstant(nowMs()));
  const seedOfStart = randomInt(1, 2 ** 31);
  const stack = await startStack({
    settings,
    folder,
    secrets,
    seed: seedOfStart,
    onProgress: progress,
    onChange: (what) => screen.log(what),
    onCleanup,
    isStopping: () => isStopping,
  });
  stack.failed.catch((error: unknown) => {
    print(messageOf(error));
    void stop("a part does not stay up", 1);
  });
  const { natsUrl, services, clock, meta } = stack;
  nowMs = clock.now;
  const urlOf = (name: string) => services.get(name)?.url ?? "";
  const gatewayUrl = urlOf("gateway");
  const connection = await connectToNats({ url: natsUrl, name: "turno-local" });
  cleanups.push(() => connection.close());
  progress((await seed(connection)) ? "made groups, agents and channels" : "found groups, agents and channels");
  await writeStackAddress(folder, { pid: process.pid, natsUrl, gatewayUrl, inboxUrl: urlOf("inbox") });
  const sample = { folder, gatewayUrl, appSecret: secrets.appSecret, clock };
  print(describeStart(stack, await writeWebhookSample(sample), settings));
  const traffic = () => meta.stats();
  const flow = await showLiveFlow({ connection, screen, clock, traffic, routerUrl: () => urlOf("router") });
  cleanups.push(async () => flow.stop());
  await startPeople({
    stack,
    connection,
    activity: flow.activity,
    seed: seedOfStart,
    hasAgents: settings.hasAgents,
    log: (line) => screen.log(line),
    onCleanup,
  });
}

onEndRequested((reason) => void stop(reason, 0));
try {
  const settings = readSettings(process.argv.slice(2), process.env);
  if (settings === null) print(START_USAGE);
  else await start(settings);
} catch (error) {
  if (error instanceof SettingFailure || isArgumentFault(error)) refuseUsage(error.message, START_USAGE);
  // A part that was ended while it started is no news to whoever asked for the end.
  if (!isStopping) {
    print(`\n${messageOf(error)}`);
    await stop("it could not start", 1);
  }
}
