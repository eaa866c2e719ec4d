import { soundCheck, unseenCheck, wrongCheck, type Check } from "@turno/contracts";
import { describe, expect, it } from "vitest";
import { renderReport } from "../src/doctor/doctor.ts";
import {
  judgeCertificate,
  judgeConsole,
  judgeNoMonitor,
  judgeSync,
  judgeWebhook,
} from "../src/doctor/judge-outside.ts";
import {
  judgeBroker,
  judgeHeard,
  judgeHostClock,
  judgeNode,
  judgeReleases,
  type Heard,
} from "../src/doctor/judge-services.ts";

const NOW = Date.parse("2026-11-28T12:00:00Z");
const DAY_MS = 24 * 3_600_000;
const URL = "https://turno.example.org/webhooks/whatsapp";
const MONITOR = "http://nats:8222";

const answers = (service: string, told: { release?: string; node?: string; at?: string } = {}): Heard => ({
  kind: "answer",
  service,
  examination: {
    release: told.release ?? "1.2.0",
    node: told.node ?? "24.21.0",
    at: told.at ?? "2026-11-28T12:00:00.500Z",
    checks: [],
    addresses: [],
  },
  askedAt: NOW,
  answeredAt: NOW + 1_000,
});

/** What is planted, and what is found: the code and a part of what is wrong and of what to do. */
const FAULTS: [what: string, found: Check | Check[], code: string, wrong: RegExp, advice: RegExp][] = [
  [
    "a service that is away",
    judgeHeard({ kind: "none", service: "router", why: "nobody" }),
    "answers",
    /nobody/,
    /router runs/,
  ],
  [
    "an upgrade that stopped",
    judgeReleases([answers("router"), answers("inbox", { release: "1.1.0" })], "1.2.0"),
    "releases",
    /not of one/,
    /upgrade/,
  ],
  ["a tool of another release", judgeReleases([answers("router")], "1.3.0"), "releases", /not of one/, /roll back/],
  ["an old Node", judgeNode(answers("router", { node: "24.11.1" })), "node-version", /older than 24.12/, /image/],
  [
    "a host whose clock is behind",
    judgeHostClock(answers("router", { at: "2026-11-28T11:59:00Z" })),
    "clock-hosts",
    /60 s behind/,
    /NTP/,
  ],
  [
    "a host whose clock is ahead",
    judgeHostClock(answers("router", { at: "2026-11-28T12:01:01Z" })),
    "clock-hosts",
    /60 s ahead/,
    /NTP/,
  ],
  ["an old nats-server", judgeBroker("2.10.29"), "nats-version", /power/, /2.12/],
  ["a nats-server that misses a part", judgeBroker("2.11.9"), "nats-version", /several replicas/, /2.12/],
  ["a nats-server that says nothing", judgeBroker(undefined), "nats-version", /power/, /2.12/],
  [
    "a sync now and then",
    judgeSync(MONITOR, { kind: "seen", isAlways: false, intervalMs: 120_000 }),
    "sync-interval",
    /every 120 s/,
    /always/,
  ],
  [
    "a public address in clear",
    judgeCertificate("http://turno.example.org", null, NOW),
    "certificate",
    /not https/,
    /TLS/,
  ],
  [
    "a certificate that nobody trusts",
    judgeCertificate(URL, { kind: "seen", expiresAt: NOW + 90 * DAY_MS, chainFault: "SELF_SIGNED_CERT_IN_CHAIN" }, NOW),
    "certificate",
    /SELF_SIGNED/,
    /public authority/,
  ],
  [
    "a certificate that expires soon",
    judgeCertificate(URL, { kind: "seen", expiresAt: NOW + 13 * DAY_MS, chainFault: null }, NOW),
    "certificate",
    /within 14 days/,
    /Renew/,
  ],
  [
    "an address without TLS behind it",
    judgeCertificate(URL, { kind: "away", why: "ECONNREFUSED" }, NOW),
    "certificate",
    /ECONNREFUSED/,
    /DNS/,
  ],
  [
    "a webhook that is out of reach",
    judgeWebhook(URL, { kind: "away", why: "timeout" }),
    "webhook",
    /timeout/,
    /firewall/,
  ],
  [
    "a webhook of an unknown app",
    judgeWebhook(URL, { kind: "seen", status: 404, echoes: false }),
    "webhook",
    /404/,
    /app key/,
  ],
  [
    "a webhook that takes any token",
    judgeWebhook(URL, { kind: "seen", status: 200, echoes: true }),
    "webhook",
    /any verify token/,
    /callback/,
  ],
  [
    "a webhook that is a page",
    judgeWebhook(URL, { kind: "seen", status: 200, echoes: false }),
    "webhook",
    /answered 200/,
    /callback/,
  ],
  [
    "an inbox behind a broken proxy",
    judgeConsole("https://inbox.example.org", { kind: "seen", status: 502, echoes: false }),
    "console",
    /502/,
    /TLS/,
  ],
  [
    "an inbox that is out of reach",
    judgeConsole("https://inbox.example.org", { kind: "away", why: "ENOTFOUND" }),
    "console",
    /ENOTFOUND/,
    /DNS/,
  ],
];

describe("the doctor", () => {
  it.each(FAULTS)("explains %s", (_what, found, code, wrong, advice) => {
    expect([found].flat()).toEqual([
      expect.objectContaining({
        code,
        state: "wrong",
        wrong: expect.stringMatching(wrong),
        advice: expect.stringMatching(advice),
      }),
    ]);
  });

  it("finds nothing wrong with what is as it should be", () => {
    const heard = answers("router");
    const sound = [
      judgeHeard(heard),
      judgeReleases([heard], "1.2.0"),
      judgeNode(heard),
      judgeHostClock(heard),
      judgeBroker("2.12.0"),
      judgeSync(MONITOR, { kind: "seen", isAlways: true, intervalMs: null }),
      judgeCertificate(URL, { kind: "seen", expiresAt: NOW + 15 * DAY_MS, chainFault: null }, NOW),
      judgeWebhook(URL, { kind: "seen", status: 403, echoes: false }),
      judgeConsole("https://inbox.example.org", { kind: "seen", status: 302, echoes: false }),
    ].flat();
    expect(sound.filter(({ state }) => state !== "sound")).toEqual([]);
  });

  it("takes what nobody could see for no fault, and says how to see it", () => {
    for (const check of [judgeNoMonitor(), judgeSync(MONITOR, { kind: "away", why: "timeout" })]) {
      expect(check).toMatchObject({ code: "sync-interval", state: "unseen" });
      expect(check.advice).not.toBeNull();
    }
  });

  it("prints a line for what is sound, and what is wrong with what to do, by who looked", () => {
    const checks = [
      { service: "router", ...soundCheck("admin", "active admins: 1") },
      {
        service: "sender",
        ...wrongCheck("token-valid", "the token", { wrong: "It is dead.", advice: "Make another." }),
      },
      { service: "router", ...unseenCheck("room", "the streams", { why: "Nobody said.", advice: "Look." }) },
    ];
    expect(renderReport({ release: "1.2.0", checks, sound: 1, wrong: 1, unseen: 1 })).toBe(
      [
        "router",
        "  ok     active admins: 1",
        "  ?      the streams (room)",
        "         Nobody said.",
        "         to do: Look.",
        "",
        "sender",
        "  WRONG  the token (token-valid)",
        "         It is dead.",
        "         to do: Make another.",
        "",
        "1 sound, 1 wrong, 1 not seen",
      ].join("\n"),
    );
  });
});
