import { connectToNats, parseBrokerAddress } from "@turno/messaging";
import process from "node:process";
import { parseArgs } from "node:util";
import { CLI_COMMANDS, runCommand } from "./commands.ts";
import { examineAll, renderReport } from "./doctor/doctor.ts";
import { RefusedFailure, UsageFailure } from "./request.ts";
import { onEndRequested } from "./terminal/process-end.ts";
import { isArgumentFault, refuseUsage, USAGE_CODE } from "./terminal/usage.ts";
import { watchEvents } from "./watch-events.ts";

export interface CommandLineOptions {
  /** How a person calls the program. */
  calledAs: string;
  /** A sentence for the usage. */
  whichBroker: string;
  /** Called when a command needs the broker. */
  findNatsUrl: () => Promise<string>;
}

const print = (text: string) => void process.stdout.write(`${text}\n`);

function usage({ calledAs, whichBroker }: CommandLineOptions): string {
  const listed = Object.values(CLI_COMMANDS).map((command) => `  ${command.usage}\n      ${command.summary}`);
  return [
    `${calledAs} <command>`,
    "",
    ...listed,
    "  events [type]\n      what every other service sees, as it happens",
    "  doctor [--url <public address>] [--nats-monitor <address>]\n      what is wrong with the set-up, and what to do; ends with 1 if anything is",
    "",
    "  --as <agent>   ask as this agent, with its rights; without it as a program, which may do all",
    "  --json         the answer as it came",
    "",
    `Groups and agents by name or id. ${whichBroker}`,
  ].join("\n");
}

const CONNECT_MS_MAX = 3000;

async function connect(url: string) {
  const { servers } = parseBrokerAddress(url);
  const late = setTimeout(() => {
    print(`Nobody answers at ${servers.join(", ")} within ${CONNECT_MS_MAX / 1000} s. Is it running?`);
    process.exit(1);
  }, CONNECT_MS_MAX);
  const connection = await connectToNats({ url, name: "turno-cli" });
  clearTimeout(late);
  return connection;
}

async function run(args: string[], options: CommandLineOptions): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      as: { type: "string" },
      group: { type: "string" },
      "to-agent": { type: "string" },
      "to-group": { type: "string" },
      reason: { type: "string" },
      cause: { type: "string" },
      capacity: { type: "string" },
      account: { type: "string" },
      channel: { type: "string" },
      force: { type: "boolean" },
      url: { type: "string", multiple: true, default: [] },
      "nats-monitor": { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [name, ...words] = positionals;
  if (values.help || name === undefined) return print(usage(options));
  const command = CLI_COMMANDS[name];
  if (command === undefined && name !== "events" && name !== "doctor") {
    throw new UsageFailure(`there is no command "${name}".\n\n${usage(options)}`);
  }
  const connection = await connect(await options.findNatsUrl());
  if (name === "doctor") {
    const report = await examineAll(connection, { natsMonitors: values["nats-monitor"], urls: values.url });
    print(values.json ? JSON.stringify(report) : renderReport(report));
    if (report.wrong > 0) process.exitCode = 1;
    return connection.close();
  }
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

/** Runs the command that this process was started with, and ends the process. */
export async function runCommandLine(options: CommandLineOptions): Promise<void> {
  onEndRequested(() => process.exit(0));
  const args = process.argv.slice(2);
  try {
    await run(args, options);
    // The channel to the starter would keep a finished command alive.
    if (!args.includes("events")) process.disconnect?.();
  } catch (error) {
    if (isArgumentFault(error)) refuseUsage(error.message, usage(options));
    if (error instanceof RefusedFailure && args.includes("--json")) print(JSON.stringify({ refusal: error.refusal }));
    else process.stderr.write(`${error instanceof RefusedFailure ? "refused: " : ""}${messageOf(error)}\n`);
    process.exit(error instanceof UsageFailure ? USAGE_CODE : 1);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
