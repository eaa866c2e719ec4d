import { connectToNats, parseBrokerAddress } from "@turno/messaging";
import { messageOf } from "@turno/servers";
import process from "node:process";
import { parseArgs } from "node:util";
import { dataFolder, readStackAddress } from "./data-folder.ts";
import { onEndRequested } from "./process-end.ts";
import { print, ROOT } from "./steps.ts";
import { CLI_COMMANDS, runCommand } from "./turno/commands.ts";
import { RefusedFailure, UsageFailure } from "./turno/request.ts";
import { isArgumentFault, refuseUsage, USAGE_CODE } from "./usage.ts";
import { watchEvents } from "./turno/watch-events.ts";

function usage(): string {
  const listed = Object.values(CLI_COMMANDS).map((command) => `  ${command.usage}\n      ${command.summary}`);
  return [
    "npm run turno -- <command>",
    "",
    ...listed,
    "  events [type]\n      what every other service sees, as it happens",
    "",
    "  --as <agent>   ask as this agent, with its rights; without it as a program, which may do all",
    "  --json         the answer as it came",
    "",
    "Groups and agents by name or id. NATS_URL says where; without it the stack of npm start is asked.",
  ].join("\n");
}

async function natsUrl(): Promise<string> {
  const given = process.env["NATS_URL"];
  if (given !== undefined && given !== "") return given;
  const address = await readStackAddress(dataFolder(ROOT, process.env, process.getuid?.()));
  if (address !== null) return address.natsUrl;
  throw new UsageFailure("no local stack was found: start one with npm start, or say where NATS is with NATS_URL");
}

const CONNECT_MS_MAX = 3000;

async function connect() {
  const url = await natsUrl();
  const { servers } = parseBrokerAddress(url);
  const late = setTimeout(() => {
    print(`Nobody answers at ${servers.join(", ")} within ${CONNECT_MS_MAX / 1000} s. Is npm start running?`);
    process.exit(1);
  }, CONNECT_MS_MAX);
  const connection = await connectToNats({ url, name: "turno-cli" });
  clearTimeout(late);
  return connection;
}

async function run(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      as: { type: "string" },
      group: { type: "string" },
      "to-agent": { type: "string" },
      "to-group": { type: "string" },
      reason: { type: "string" },
      capacity: { type: "string" },
      force: { type: "boolean" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [name, ...words] = positionals;
  if (values.help || name === undefined) return print(usage());
  const command = CLI_COMMANDS[name];
  if (command === undefined && name !== "events") {
    throw new UsageFailure(`there is no command "${name}".\n\n${usage()}`);
  }
  const connection = await connect();
  if (command === undefined) {
    watchEvents(connection, words[0], { isJson: values.json, print });
    return;
  }
  const { answer, text } = await runCommand(command, connection, words, values).catch((error: unknown) => {
    if (error instanceof UsageFailure) throw new UsageFailure(`${error.message}\nusage: ${command.usage}`);
    throw error;
  });
  print(values.json ? JSON.stringify(answer) : text);
  await connection.close();
}

onEndRequested(() => process.exit(0));
const args = process.argv.slice(2);
try {
  await run(args);
  // The channel to the starter would keep a finished command alive.
  if (!args.includes("events")) process.disconnect?.();
} catch (error) {
  if (isArgumentFault(error)) refuseUsage(error.message, usage());
  if (error instanceof RefusedFailure && args.includes("--json")) print(JSON.stringify({ refusal: error.refusal }));
  else process.stderr.write(`${error instanceof RefusedFailure ? "refused: " : ""}${messageOf(error)}\n`);
  process.exit(error instanceof UsageFailure ? USAGE_CODE : 1);
}
