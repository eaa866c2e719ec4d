import { formatDuration } from "@turno/turno/terminal/format-duration";
import { chmod, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { countEvent, emptyActivity } from "../src/activity.ts";
import { resumeAt } from "../src/clock.ts";
import { dataFolder, openSecrets } from "../src/data-folder.ts";
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

  it("are 8080, 8081, 2 messages a second, a day in two minutes and demo agents unless said otherwise", () => {
    const defaults = { gatewayPort: 8080, inboxPort: 8081, natsPort: null, rate: 2, natsUrl: null };
    expect(readSettings([], {})).toMatchObject({ ...defaults, speed: 720, hasAgents: true });
    expect(readSettings(["--speed", "1", "--no-agents"], {})).toMatchObject({ speed: 1, hasAgents: false });
    expect(readSettings(["--rate", "0"], { NATS_URL: "nats://there" })).toMatchObject({
      rate: 0,
      natsUrl: "nats://there",
    });
  });
});

describe("the speed of the clock", () => {
  it("is real time on a database that was there before, and another one is refused there", () => {
    const environment = { DATABASE_URL: "postgres://there" };
    expect(readSettings([], environment)?.speed).toBe(1);
    expect(() => readSettings(["--speed", "60"], environment)).toThrow("only with the local stack's own database");
    expect(() => readSettings(["--speed", "0.5"], {})).toThrow("it must be a number from 1 to 10000");
  });

  const left = { notedAt: 5_000_000, runningAt: 9_000_000, watermarkAt: 4_000_000, speed: 60, isRunning: false };

  it("goes on where a stopped stack left it, and is never behind the real clock", () => {
    expect(resumeAt(null, 1_000_000)).toBe(1_000_000);
    expect(resumeAt(left, 1_000_000)).toBe(5_000_000);
    expect(resumeAt(left, 6_000_000)).toBe(6_000_000);
  });

  it("goes on behind all that a killed stack may have used, and behind what took effect", () => {
    expect(resumeAt({ ...left, isRunning: true }, 1_000_000)).toBe(5_000_000 + 30_000 * 60);
    expect(resumeAt({ ...left, isRunning: true, runningAt: 5_000_100 }, 1_000_000)).toBe(5_000_100);
    expect(resumeAt({ ...left, watermarkAt: 5_500_000 }, 1_000_000)).toBe(5_500_000);
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

const traffic = { updates: 10, updatesAccepted: 8, p99Ms: 9.5 };

function activityWithAna() {
  const activity = emptyActivity();
  activity.groups = [
    {
      id: ids.groupId,
      name: "Support",
      distribution: "automatic",
      waiting: 2,
      longestWaitMs: 65_000,
      agents: [{ id: ids.agentId, name: "Ana", availability: "available", active: 7, capacity: 8 }],
    },
  ];
  return activity;
}

describe("the live view", () => {
  it("tells of each assignment: who got it, by which rule, after how long", () => {
    const activity = activityWithAna();
    const reason = { rule: "turn", turn: 1, candidates: [], leftOut: [] };
    const data = { ...ids, assignmentId: ids.contactId, waitedMs: 12, reason };
    expect(countEvent(activity, "conversation.assigned", data)).toEqual({
      line: `${ids.conversationId} → Ana  (turn, waited 12 ms)`,
      isRare: false,
    });
    expect(activity.counts["conversation.assigned"]).toBe(1);
  });

  it("tells of the life after expiry even in a burst: expired, reopened by whom, answered, failed", () => {
    const activity = activityWithAna();
    const tell = (type: string, data: object) => countEvent(activity, type, { ...ids, ...data });
    const continuesConversationId = "0192f0c1-2b3c-7000-8000-000000abcdef";
    const at = "2026-11-24T00:00:00Z";
    expect(tell("conversation.expired", { expiredAt: at, ticketNumber: 7 })).toEqual({
      line: `${ids.conversationId} expired, of Ana, ticket 7`,
      isRare: true,
    });
    expect(tell("conversation.reopened", { continuesConversationId })).toEqual({
      line: `${ids.conversationId} Ana's template reopens …abcdef`,
      isRare: true,
    });
    const message = { messageId: ids.contactId, kind: "button", sentAt: at, receivedAt: at, content: {} };
    expect(tell("message.received", message)?.line).toContain("the customer answered the template");
    expect(tell("message.received", message)).toBeNull();
    expect(tell("conversation.failed", { continuesConversationId, sendId: ids.contactId })?.isRare).toBe(true);
    const panel = renderPanel(activity, traffic, { nowMs: 0, speed: 720 }).join("\n");
    expect(panel).toContain("1 expired   0 finalised");
    expect(panel).toContain("1 reopened   1 answered   1 failed");
  });

  it("shows what came in, what waits, how far behind the router is, and how fast the clock runs", () => {
    const activity = { ...activityWithAna(), lagRecords: 4 };
    activity.counts["conversation.opened"] = 3;
    const panel = renderPanel(activity, traffic, { nowMs: Date.UTC(2026, 10, 24, 14, 5), speed: 720 }).join("\n");
    expect(panel).toContain("8 answered 200, 2 not yet   p99 9.5 ms   lag 4 records");
    expect(panel).toContain("3 opened");
    expect(panel).toContain("2 waiting, longest 1:05 min");
    expect(panel).toContain("Ana 7/8");
    expect(panel).toContain("Tue 24 Nov 14:05   runs 720 times as fast as real time");
  });

  it("says where sending is stopped, and why", () => {
    const opened = { openedAt: "", tries: 0, nextTryAt: "" };
    const circuit = { scope: "account", key: "100", code: 131031, reason: "locked", ...opened } as const;
    const activity = { ...activityWithAna(), circuits: [circuit] };
    const panel = renderPanel(activity, traffic, { nowMs: 0, speed: 1 }).join("\n");
    expect(panel).toContain("STOPPED for account 100: 131031 locked");
  });

  it("fits 80 columns and leaves half of 24 rows to the lines, with five-digit counts", () => {
    const activity = activityWithAna();
    for (const type of Object.keys(activity.counts)) activity.counts[type as "message.read"] = 12_345;
    const [group] = activity.groups;
    if (group !== undefined) activity.groups = [group, group];
    const lines = renderPanel(activity, traffic, { nowMs: 0, speed: 720 });
    expect(lines.filter(({ length }) => length > 80)).toEqual([]);
    expect(lines.length).toBeLessThanOrEqual(12);
  });

  it("stays readable in a burst: a few lines a second, the others counted", () => {
    const lines: string[] = [];
    const limit = createLineLimit((line) => lines.push(line));
    for (let index = 0; index < 100; index++) limit.add(`line ${index}`);
    limit.tick();
    limit.add("next second");
    expect(lines).toEqual(["line 0", "line 1", "line 2", "… and 97 more", "next second"]);
  });

  it("writes durations for a person", () => {
    expect([12.4, 4000, 125_000, 5_400_000].map(formatDuration)).toEqual(["12 ms", "4 s", "2:05 min", "1:30 h"]);
  });
});
