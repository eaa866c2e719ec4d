import { envelopeSchema, EVENT_SUBJECTS, STREAMS, type Envelope } from "@turno/contracts";
import { connectToNats, readLog, readLogEnd } from "@turno/messaging";
import { pickFreePort, ROOT } from "@turno/servers";
import { waitFor } from "@turno/testing";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const DAY_MS = 86_400_000;

let folder: string;
const running = new Set<ChildProcess>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "turno-start-"));
  await chmod(folder, 0o755);
});
afterEach(async () => {
  for (const child of running) {
    child.kill("SIGKILL");
    await once(child, "close");
  }
  await rm(folder, { recursive: true });
});

interface Started {
  child: ChildProcess;
  output: () => string;
  exitCode: Promise<number | null>;
}

function bootstrap(args: string[], more: Record<string, string>): Started {
  const { DATABASE_URL: _database, NATS_URL: _nats, ...environment } = process.env;
  const child = spawn(process.execPath, [join(ROOT, "develop", "local", "bootstrap.mjs"), ...args], {
    env: { ...environment, TURNO_DATA_DIR: folder, ...more },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  child.stderr.on("data", (chunk) => (text += String(chunk)));
  running.add(child);
  const exitCode = once(child, "close").then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  return { child, output: () => text, exitCode };
}

/** Starts it and waits until it shows an assignment, or what else is asked for. */
async function startTurno(
  gatewayPort: number,
  { args = ["--rate", "20", "--no-agents"], shown = "→" }: { args?: string[]; shown?: string } = {},
): Promise<Started> {
  const ports = { GATEWAY_PORT: String(gatewayPort), INBOX_PORT: "0", NATS_PORT: "0" };
  const started = bootstrap(["start", ...args], ports);
  try {
    await waitFor(() => started.output().includes(shown), { what: `npm start shows "${shown}"`, timeoutMs: 150_000 });
  } catch (error) {
    throw new Error(started.output(), { cause: error });
  }
  return started;
}

/** Every process whose command line or environment names the data folder, from what Linux shows of them. */
async function processesOnFolder(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found: string[] = [];
  for (const pid of pids) {
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
    const commandLine = await read("cmdline");
    if (commandLine.includes(folder) || (await read("environ")).includes(folder)) {
      found.push(commandLine.replaceAll("\0", " "));
    }
  }
  return found;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function turno(...args: string[]): Promise<{ code: number | null; output: string }> {
  const called = bootstrap(["turno", ...args], {});
  return { code: await called.exitCode, output: called.output() };
}

/**
 * How many conversations the terminal has shown to go the whole way: given to an agent, expired, reopened by the agent's
 * template, answered by the customer, closed with a ticket.
 */
function findWholeStory(output: string): number {
  const id = "([0-9a-f-]{36})";
  const told = (pattern: string) => [...output.matchAll(new RegExp(`${id} ${pattern}`, "g"))];
  const idsOf = (pattern: string) => new Set(told(pattern).map(([, conversation]) => conversation ?? ""));
  const [assigned, expired] = [idsOf("→ "), idsOf("expired, of ")];
  const [answered, closed] = [idsOf("the customer answered the template"), idsOf("closed by .*, ticket \\d+")];
  return told("\\w+'s template reopens …([0-9a-f]{6})").filter(([, next = "", short = ""]) => {
    const isOrigin = (conversation: string) => conversation.endsWith(short);
    return [...assigned].some(isOrigin) && [...expired].some(isOrigin) && answered.has(next) && closed.has(next);
  }).length;
}

/** The events of these types that are in the log by now. */
async function readEvents(output: string, types: readonly string[]): Promise<Envelope[]> {
  const url = /NATS {6}(\S+)/.exec(output)?.[1] ?? "";
  const connection = await connectToNats({ url, name: "start-test" });
  const { lastSequence } = await readLogEnd(connection, STREAMS.events);
  const reading = await readLog(connection, { stream: STREAMS.events, subjects: [EVENT_SUBJECTS], startSequence: 1 });
  const found: Envelope[] = [];
  for await (const record of reading.records) {
    const event = envelopeSchema.parse(JSON.parse(record.text()));
    if (types.includes(event.type)) found.push(event);
    if (record.sequence >= lastSequence) break;
  }
  await reading.stop();
  await connection.close();
  return found;
}

async function obeysTheCommandLine(): Promise<void> {
  const claimed = await waitFor(
    async () => {
      const { code, output: said } = await turno("claim-next", "--as", "Fabio", "--json");
      return code === 0 ? (JSON.parse(said) as { conversationId: string }) : null;
    },
    { what: "a conversation of the manual group can be claimed", timeoutMs: 30_000 },
  );
  const again = await turno("claim", claimed.conversationId, "--as", "Gabi");
  expect(again.code).toBe(1);
  expect(again.output).toMatch(/^refused: .*\(.+\)$/m);
  expect((await turno("why", claimed.conversationId)).output).toContain("Fabio, by claim");
}

/** Another start on a port that is in use, which starts nothing. */
async function saysWhichPortIsTaken(port: number): Promise<void> {
  const ports = { GATEWAY_PORT: String(port), INBOX_PORT: "0", NATS_PORT: "0", TURNO_DATA_DIR: join(folder, "other") };
  const other = bootstrap(["start"], ports);
  expect(await other.exitCode).toBe(1);
  expect(other.output()).toContain(`Port ${port} is taken by another program. Choose another one: GATEWAY_PORT=`);
}

describe.runIf(process.platform === "linux")("npm start", { timeout: 400_000 }, () => {
  it("shows conversations given to agents, obeys the command line, finds its data at the second start, and leaves no process or port", async () => {
    const port = await pickFreePort();
    const first = await startTurno(port);
    expect(first.output()).toContain("made groups, agents and channels");
    expect(first.output()).toMatch(/curl .* -H 'X-Hub-Signature-256: sha256=[0-9a-f]{64}'/);
    await obeysTheCommandLine();
    await saysWhichPortIsTaken(port);
    // Killed without a chance to stop.
    first.child.kill("SIGKILL");
    await waitFor(async () => (await processesOnFolder()).length === 0, { what: "all processes are gone" });

    // Nobody has closed anything: by now every agent may be full.
    const second = await startTurno(port, { shown: "found groups, agents and channels" });
    second.child.kill("SIGINT");
    expect(await second.exitCode).toBe(0);
    expect(await processesOnFolder()).toEqual([]);
    expect(await canConnect(port)).toBe(false);
  });

  it("shows conversations that expire, templates that reopen them, and closes them with a ticket; the clock goes on", async () => {
    const story = ["--speed", "8640", "--rate", "8"];
    const first = await startTurno(await pickFreePort(), { args: story });
    expect(first.output()).toContain("8640 times real time: an hour passes in 417 ms, a day in 10 s.");
    const whole = await waitFor(() => findWholeStory(first.output()), {
      what: "a conversation goes the whole way",
      timeoutMs: 150_000,
    });
    expect(whole).toBeGreaterThan(0);
    const events = await readEvents(first.output(), ["message.delivered", "message.read", "message.accepted"]);
    expect(new Set(events.map(({ type }) => type)).size).toBe(3);
    first.child.kill("SIGINT");
    expect(await first.exitCode).toBe(0);
    expect(await processesOnFolder()).toEqual([]);

    const latest = Math.max(...events.map(({ occurredAt }) => Date.parse(occurredAt)));
    const second = await startTurno(await pickFreePort(), { args: ["--speed", "1", "--rate", "8"] });
    expect(second.output()).toMatch(/real time\n +It goes on from where it was, \d+:\d\d h ahead of the real one\./);
    const [opened] = await waitFor(
      async () => {
        const found = await readEvents(second.output(), ["conversation.opened"]);
        return found.some(({ occurredAt }) => Date.parse(occurredAt) > latest) ? found.slice(-1) : null;
      },
      { what: "a conversation is opened after all that the first start saw" },
    );
    // At the normal speed again: but for what a stop takes, nothing of the fast clock has passed since.
    expect(Date.parse(opened?.occurredAt ?? "")).toBeLessThan(latest + DAY_MS);
    second.child.kill("SIGINT");
    expect(await second.exitCode).toBe(0);
  });
});
