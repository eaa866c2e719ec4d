import { EVENTS } from "@turno/contracts";
import { connectToNats, type Connection } from "@turno/messaging";
import { messageOf } from "@turno/servers";
import { createRandom } from "@turno/simulator";
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
import { createDemoAgents } from "./demo/agents.ts";
import { formatDuration, formatInstant, formatSpeed } from "./format.ts";
import { readHistory } from "./history.ts";
import { showLiveFlow, type LiveFlow } from "./live-flow.ts";
import { onEndRequested } from "./process-end.ts";
import { createScreen } from "./screen.ts";
import { AGENTS, seed } from "./seed.ts";
import { readSettings, START_USAGE, type StartSettings } from "./settings.ts";
import { startStack, type Stack } from "./stack.ts";
import { print, ROOT } from "./steps.ts";
import { writeWebhookSample } from "./webhook-sample.ts";

const startedAt = performance.now();
const cleanups: (() => Promise<void>)[] = [];
let isStopping = false;

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

function withoutPassword(url: string): string {
  const shown = new URL(url);
  shown.password = "";
  return shown.href;
}

function describeClock({ speed, aheadMs }: Stack["clock"]): string {
  const ahead =
    aheadMs < 1000
      ? ""
      : `\n            It goes on from where it was, ${formatDuration(aheadMs)} ahead of the real one.`;
  if (speed === 1) return `real time${ahead}`;
  const pace = `${speed} times real time: ${formatSpeed(speed)}.`;
  return `${pace}${ahead}\n            Real time: npm start -- --speed 1`;
}

function printHints(stack: Stack, curl: string, settings: StartSettings): void {
  const inboxUrl = stack.services.get("inbox")?.url ?? "";
  const agents = settings.hasAgents
    ? "demo agents answer, transfer, close, and send templates. Be one yourself: --no-agents"
    : "you: nobody answers but you (npm run turno)";
  print(`
Turno is running. Ctrl-C stops all of it.

  post a webhook by hand:
    ${curl}

  the inbox's API, and Ana's token for it: ${inboxUrl}/docs
    curl -sS -X POST ${inboxUrl}/local/token/${AGENTS[0]?.id}

  watch what every other service sees:     npm run turno -- events
  groups, agents, who has how many:        npm run turno -- groups
  work on the manual queue:                npm run turno -- queue Billing
                                           npm run turno -- claim-next --as Fabio
                                           npm run turno -- transfer <conversation> --to-agent Gabi --as Fabio
  why this agent, why still waiting:       npm run turno -- why <conversation>
                                           npm run turno -- waiting <conversation>
  see turns pass somebody over:            npm run turno -- away Ana        (back: available Ana)

  NATS      ${stack.natsUrl}
  Postgres  ${withoutPassword(stack.databaseUrl)}
  agents    ${agents}
  clock     ${describeClock(stack.clock)}
`);
}

/** Abandoned conversations hold a place for a day of the rules' clock: the slower it runs, the fewer there may be. */
function leaveShare(speed: number): number {
  return Math.min(0.35, (0.12 * speed) / 720);
}

/** Lets agents and Meta learn what happened before, and then the agents act and the customers write. */
async function startPeople(
  stack: Stack,
  connection: Connection,
  flow: LiveFlow,
  options: PeopleOptions,
): Promise<void> {
  const agents = createDemoAgents({
    connection,
    random: createRandom(options.seed + 3),
    leaveShare: leaveShare(stack.clock.speed),
    onRefused: (agentName, verb, { code, message }) => {
      flow.activity.refused += 1;
      options.log(`${agentName}: ${verb} refused (${code}): ${message.slice(0, REFUSAL_LENGTH_MAX)}`);
    },
  });
  const history = readHistory(connection, {
    onEvent: (event) => {
      agents.note(event);
      if (event.type !== "message.received") return;
      const { content, sentAt } = EVENTS["message.received"].data.parse(event.data);
      const userId = (content as { from_user_id?: unknown }).from_user_id;
      if (typeof userId === "string") stack.meta.remember(userId, Date.parse(sentAt));
    },
    onFailure: (error) => options.log(`events cannot be read now: ${messageOf(error)}`),
  });
  cleanups.push(() => history.stop());
  await history.caughtUp;
  if (options.hasAgents) {
    agents.start();
    cleanups.push(() => agents.stop());
  }
  cleanups.push(() => stack.meta.stopTraffic());
  stack.meta.startTraffic();
}

interface PeopleOptions {
  seed: number;
  hasAgents: boolean;
  log(line: string): void;
}

const REFUSAL_LENGTH_MAX = 80;

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
    onCleanup: (cleanup) => cleanups.push(cleanup),
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
  const sample = { folder, gatewayUrl, appSecret: secrets.appSecret, nowMs: clock.now() };
  printHints(stack, await writeWebhookSample(sample), settings);
  const traffic = () => meta.simulator.stats();
  const flow = await showLiveFlow({ connection, screen, clock, traffic, routerUrl: () => urlOf("router") });
  cleanups.push(async () => flow.stop());
  const people = { seed: seedOfStart, hasAgents: settings.hasAgents, log: screen.log };
  await startPeople(stack, connection, flow, people);
}

onEndRequested((reason) => void stop(reason, 0));
try {
  const settings = readSettings(process.argv.slice(2), process.env);
  if (settings === null) print(START_USAGE);
  else await start(settings);
} catch (error) {
  // A part that was ended while it started is no news to whoever asked for the end.
  if (!isStopping) {
    print(`\n${messageOf(error)}`);
    await stop("it could not start", 1);
  }
}
