import { STREAMS } from "@turno/contracts";
import type { Connection } from "@turno/messaging";
import { between } from "@turno/simulator";
import { waitFor } from "@turno/testing";
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { SYNC_ALWAYS } from "../broker.ts";
import type { Fault, FaultScene } from "../fault.ts";

const managerOf = (connection: Connection) => connection.nats.jetstreamManager();

const deleteEvents: Fault = {
  name: "EVENTS deleted",
  excuses: [],
  play: async ({ stage }: FaultScene) => {
    await (await managerOf(stage.connection)).streams.delete(STREAMS.events);
  },
};

/** What lies in it and was not read is gone by what the operator did: so all had been read. */
const deleteInbound: Fault = {
  name: "INBOUND deleted when all was read",
  excuses: ["log-is-another"],
  play: async ({ stage, load }: FaultScene) => {
    load.setRate(0);
    await waitFor(() => isAllRead(stage), { what: "all is read", timeoutMs: 60_000 });
    await (await managerOf(stage.connection)).streams.delete(STREAMS.inbound);
  },
};

async function isAllRead({ sql, simulator }: FaultScene["stage"]): Promise<boolean> {
  if (simulator.stats().pending > 0) return false;
  let accepted = 0;
  for (const { kind } of simulator.ledger.accepted()) if (kind === "message") accepted += 1;
  const [stored] = await sql<{ count: number }[]>`select count(*)::int as count from messages where direction = 'in'`;
  return stored?.count === accepted;
}

const deleteConsumers: Fault = {
  name: "all consumers deleted",
  excuses: [],
  play: async ({ stage }: FaultScene) => {
    const { consumers } = await managerOf(stage.connection);
    for (const stream of Object.values(STREAMS)) {
      for await (const { name } of consumers.list(stream)) {
        await consumers.delete(stream, name).catch(() => false);
      }
    }
  },
};

/** The log may grow no more: the gateway must refuse, and take again when there is room. */
const fillInbound: Fault = {
  name: "INBOUND full",
  excuses: [],
  play: async ({ stage, random }: FaultScene) => {
    const { streams } = await managerOf(stage.connection);
    const { config, state } = await streams.info(STREAMS.inbound);
    await streams.update(STREAMS.inbound, { ...config, max_bytes: state.bytes + 1 });
    await pause(between(random, 500, 3_000));
    await streams.update(STREAMS.inbound, config);
  },
};

/** The folder of what belongs to no account of its own. */
const ACCOUNT = "$G";

const copyFolder = (from: string, to: string) => promisify(execFile)("cp", ["-a", from, to]);

/**
 * The power goes: what a store had not synced is gone. `EVENTS` syncs in the background, so it loses all since the copy;
 * `INBOUND` syncs before it acknowledges, so it keeps all, unless the server was told otherwise.
 */
const cutPower: Fault = {
  name: "power cut of the broker",
  excuses: [],
  play: async ({ stage, random }: FaultScene) => {
    const { nats, folder } = stage;
    if (nats === null) throw new Error("this fault needs a single nats-server");
    const streams = join(nats.streamsFolder, ACCOUNT, "streams");
    const lost = SYNC_ALWAYS ? [STREAMS.events] : Object.values(STREAMS);
    const copy = join(folder, "synced");
    await rm(copy, { recursive: true, force: true });
    await copyFolder(streams, copy);
    await pause(between(random, 500, 2_500));
    await nats.kill("SIGKILL");
    for (const stream of lost) {
      await rm(join(streams, stream), { recursive: true, force: true });
      await copyFolder(join(copy, stream), join(streams, stream));
    }
    await nats.restart();
  },
};

export const STREAM_FAULTS: readonly Fault[] = [deleteEvents, deleteInbound, deleteConsumers, fillInbound, cutPower];
