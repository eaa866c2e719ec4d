import { chmod, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { countEvent, emptyActivity } from "../src/activity.ts";
import { dataFolder, openSecrets } from "../src/data-folder.ts";
import { formatDuration } from "../src/format.ts";
import { keepRunning } from "../src/keep-running.ts";
import { renderPanel } from "../src/panel.ts";
import { createLineLimit } from "../src/screen.ts";
import { readSettings } from "../src/settings.ts";

describe("the data folder", () => {
  it("is in the clone, but root's is where Postgres' user can enter, one for each clone", () => {
    expect(dataFolder("/clone", {}, 1000)).toBe("/clone/.turno");
    expect(dataFolder("/clone", {}, 0)).toMatch(/^\/var\/tmp\/turno-[0-9a-f]{12}$/);
    expect(dataFolder("/clone", {}, 0)).not.toBe(dataFolder("/other", {}, 0));
    expect(dataFolder("/clone", { TURNO_DATA_DIR: "elsewhere" }, 0)).toBe("/clone/elsewhere");
  });

  it("keeps its random secrets for the next start, readable by its owner alone", async () => {
    const folder = await mkdtemp(join(tmpdir(), "turno-secrets-"));
    await chmod(folder, 0o755);
    const made = await openSecrets(folder);
    expect(made.appSecret).toMatch(/^[0-9a-f]{32}$/);
    expect(await openSecrets(folder)).toEqual(made);
    expect((await stat(join(folder, "secrets.json"))).mode & 0o777).toBe(0o600);
    await rm(folder, { recursive: true });
  });
});

describe("settings of npm start", () => {
  it("are named where they are wrong", () => {
    expect(() => readSettings([], { GATEWAY_PORT: "http" })).toThrow('GATEWAY_PORT is "http"');
    expect(() => readSettings(["--rate=-1"], {})).toThrow('--rate is "-1"; it must be a number from 0 to 5000');
    expect(() => readSettings(["--rat", "1"], {})).toThrow("--rat");
  });

  it("are 8080 and 4 messages a second unless said otherwise", () => {
    expect(readSettings([], {})).toMatchObject({ gatewayPort: 8080, natsPort: null, rate: 4, natsUrl: null });
    expect(readSettings(["--rate", "0"], { NATS_URL: "nats://there" })).toMatchObject({
      rate: 0,
      natsUrl: "nats://there",
    });
  });
});

describe("a part that ends", () => {
  it("is started again, and given up where it ends again and again", async () => {
    let starts = 0;
    const said: string[] = [];
    const part = {
      name: "router",
      ended: () => Promise.resolve("its last line"),
      restart: () => {
        starts += 1;
        return Promise.resolve();
      },
    };
    const keeping = keepRunning(part, { isStopping: () => false, onChange: (what) => said.push(what), now: () => 0 });
    await expect(keeping).rejects.toThrow("router ends again and again:\nits last line");
    expect(starts).toBe(3);
    expect(said.slice(0, 2)).toEqual(["router ended; starting it again", "router is back"]);
  });

  it("stays ended while the stack stops", async () => {
    const restart = () => Promise.reject(new Error("must not be started"));
    const part = { name: "router", ended: () => Promise.resolve(""), restart };
    const keeping = keepRunning(part, { isStopping: () => true, onChange: () => undefined, now: () => 0 });
    await expect(keeping).resolves.toBeUndefined();
  });
});

const ids = {
  conversationId: "0192f0c1-2b3c-7000-8000-000000000001",
  channelId: "0192f0c1-2b3c-7000-8000-000000000002",
  contactId: "0192f0c1-2b3c-7000-8000-000000000003",
  groupId: "0192f0c1-2b3c-7000-8000-000000000004",
  agentId: "0192f0c1-2b3c-7000-8000-000000000005",
  phoneNumberId: "123",
};

function activityWithAna() {
  const activity = emptyActivity();
  activity.groups = [
    {
      id: ids.groupId,
      name: "Support",
      distribution: "automatic",
      waiting: 2,
      longestWaitMs: 65_000,
      agents: [{ id: ids.agentId, name: "Ana", availability: "available", active: 7, capacity: null }],
    },
  ];
  return activity;
}

describe("the live view", () => {
  it("tells of each assignment: who got it, by which rule, after how long", () => {
    const activity = activityWithAna();
    const reason = { rule: "turn", turn: 1, candidates: [], leftOut: [] };
    const data = { ...ids, assignmentId: ids.contactId, waitedMs: 12, reason };
    expect(countEvent(activity, "conversation.assigned", data)).toBe(
      `${ids.conversationId} → Ana  (turn, waited 12 ms)`,
    );
    expect(activity.assigned).toBe(1);
    expect(renderPanel(activity, null, 0).join("\n")).toContain("Ana 7 (+1)");
  });

  it("shows what came in, what waits and how far behind the router is", () => {
    const activity = { ...activityWithAna(), opened: 3, lagRecords: 4 };
    const traffic = { updates: 10, updatesAccepted: 8, p50Ms: 2, p99Ms: 9.5 };
    const panel = renderPanel(activity, traffic, 5000).join("\n");
    expect(panel).toContain("8 answered 200, 2 not yet answered 200   p50 2.0 ms   p99 9.5 ms");
    expect(panel).toContain("3 opened");
    expect(panel).toContain("lag 4 records");
    expect(panel).toContain("2 waiting, longest 1:05 min");
  });

  it("stays readable in a burst: a few lines a second, the others counted", () => {
    const lines: string[] = [];
    const limit = createLineLimit((line) => lines.push(line));
    for (let index = 0; index < 100; index++) limit.add(`line ${index}`);
    limit.tick();
    limit.add("next second");
    expect(lines).toEqual(["line 0", "line 1", "line 2", "line 3", "line 4", "… and 95 more", "next second"]);
  });

  it("writes durations for a person", () => {
    expect([12.4, 4000, 125_000, 5_400_000].map(formatDuration)).toEqual(["12 ms", "4 s", "2:05 min", "1:30 h"]);
  });
});
