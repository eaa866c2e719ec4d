import { PARTITION_COUNT } from "@turno/contracts";
import { readSource } from "./repository.ts";

const MS = { s: 1000, min: 60_000, h: 3_600_000, day: 86_400_000 } as const;
const MIB = 1024 * 1024;

/** Returns what a pattern finds first in a file. Fails where it finds nothing: the source of a fact has moved. */
function find(path: string, pattern: RegExp): string {
  const found = pattern.exec(readSource(path))?.[1];
  if (found === undefined)
    throw new Error(`${path} has nothing like ${String(pattern)}: where does this number stand now?`);
  return found;
}

/** Returns the value that a name gets in a file: a number, or a product of numbers and other names of that file. */
function valueOf(path: string, name: string): number {
  const product = find(path, new RegExp(`\\b${name}\\b\\s*[:=]\\s*([\\dA-Z][\\w. *]*)`));
  return product.split("*").reduce((value, factor) => {
    const text = factor.trim().replaceAll("_", "");
    return value * (/^[\d.]+$/.test(text) ? Number(text) : valueOf(path, factor.trim()));
  }, 1);
}

const seconds = (path: string, name: string) => `${valueOf(path, name) / MS.s} s`;
const megabytes = (path: string, name: string) => `${valueOf(path, name) / MIB} MB`;
const ageOf = (stream: string) => {
  const age = new RegExp(`${stream}_STREAM[^]*?max_age: (\\d+) \\* DAY_MS`);
  return `${find("libs/messaging/src/stream-definitions.ts", age)} days`;
};

const COMPOSE = "docker-compose.yml";
const SETTINGS = "develop/local/src/settings.ts";
const GATEWAY = "services/gateway/src/gateway.ts";
const HTTP = "libs/runtime/src/http.ts";
const LANES = "services/gateway/src/lanes.ts";
const SENDER = "services/sender/src/sending";

const INBOUND_AGE = ageOf("INBOUND");
const EVENTS_AGE = ageOf("EVENTS");
const SPEED = valueOf(SETTINGS, "SPEED");
const DAY_MINUTES = MS.day / SPEED / MS.min;
const RELAY_SILENCE = seconds("libs/relay/src/relay-lead.ts", "RELAY_SILENCE_MS_MAX");
const DRAIN = seconds("libs/runtime/src/service.ts", "DRAIN_MS_MAX");
const CALL = `within ${Math.ceil(valueOf("libs/database/src/connection.ts", "WAIT_MS_MAX") / MS.s)} s`;
const DEADLINE = seconds(LANES, "deadlineMs");
const BODY = megabytes("services/gateway/src/delivery.ts", "BODY_BYTES_MAX");
const NEARLY_FULL = `${valueOf("services/provisioner/src/room-watch.ts", "NEARLY_FULL_SHARE") * 100} %`;
const EVENTS_SIZE = `${valueOf("services/provisioner/src/config.ts", "EVENTS_BYTES_MAX") / (1024 * MIB)} GiB`;
const REPLACED = seconds("develop/testing/test/lost-connections.integration.test.ts", "REPLACED_MS_MAX");
const BACK = seconds("develop/local/test/lines.integration.test.ts", "BACK_MS_MAX");
const LIMITS = find(".oxlintrc.json", /"max-lines": \["error", \{ "max": (\d+)/);
const FUNCTION_LIMIT = find(".oxlintrc.json", /"max-lines-per-function": \["error", \{ "max": (\d+)/);
const CONNECTIONS = valueOf(HTTP, "CONNECTIONS_MAX").toLocaleString("en");

const POOL = "libs/database/src/connection.ts";
const SOCKETS = "libs/database/src/line/sockets.ts";
const PINGS = "libs/messaging/src/connection.ts";
const STANDSTILL = seconds("libs/relay/src/watch.ts", "STANDSTILL_MS");
const STATEMENT_MS = valueOf(POOL, "STATEMENT_MS_MAX");
const RECORD_BYTES = valueOf(LANES, "bytesMax");

/** Of the decisions only what they chose is in force; what they saw and foresaw is of its day. */
const inDecisions: Readonly<Record<string, readonly string[]>> = {
  "docs/decisions/0001-log-read-by-leased-partitions.md": [`one of ${PARTITION_COUNT} partitions`],
  "docs/decisions/0002-group-commit-records.md": [
    `at most ${valueOf(LANES, "linesMax")} lines and ${RECORD_BYTES / 1_000_000} MB`,
  ],
  "docs/decisions/0017-gateway-works-on-nodes-own-request.md": [
    `${seconds(HTTP, "headersTimeout")} for the head, ${seconds(HTTP, "requestTimeout")} for the request`,
  ],
  "docs/decisions/0031-the-relay-notes-how-far-the-stream-is-whole.md": [
    `the last ${EVENTS_AGE} are lost`,
    `stands still for ${STANDSTILL}, every`,
  ],
  "docs/decisions/0034-every-call-to-postgres-ends.md": [
    `read for ${(STATEMENT_MS + valueOf(POOL, "ANSWER_MS_MAX")) / MS.s} s is destroyed`,
    `may take ${STATEMENT_MS / MS.s} s (`,
    `connection within ${seconds(POOL, "WAIT_MS_MAX")} fails`,
    `something every ${seconds("libs/database/src/line/listen.ts", "HEARTBEAT_MS")}.`,
    `at most every ${seconds(SOCKETS, "REPLACE_MS")}:`,
    `waits ${valueOf(SOCKETS, "RETRY_MS_LEAST") / MS.s} to ${seconds(SOCKETS, "RETRY_MS_MOST")},`,
    `asked for** every ${seconds("libs/database/src/line/watch-database.ts", "ASK_EVERY_MS")} (`,
  ],
  "docs/decisions/0035-services-listen-first.md": [
    `to ${seconds("libs/runtime/src/backoff.ts", "MOST_MS")} at most`,
    `asked every ${seconds(PINGS, "PING_EVERY_MS")}**, two unanswered questions end the connection: ${(3 * valueOf(PINGS, "PING_EVERY_MS")) / MS.s} s,`,
  ],
  "docs/decisions/0039-faults-mutations-and-a-judge-from-outside.md": [
    `messages at ${valueOf("develop/prove/src/round.ts", "QUIET_RATE")} a second have taken effect and their events are published within a second`,
  ],
  "docs/decisions/0040-atomic-batches-where-there-are-replicas.md": [
    `up to ${valueOf("libs/messaging/src/chain.ts", "BATCH_MESSAGES_MAX").toLocaleString("en")} messages`,
  ],
};

/** By document, each part of a sentence that holds a number, as the code makes it. */
export const FACTS: Readonly<Record<string, readonly string[]>> = {
  "README.md": [
    `runs ${SPEED} times as fast`,
    `A day in ${DAY_MINUTES} minutes.`,
    `after ${DAY_MINUTES} minutes:`,
    `where the gateway listens | ${find(SETTINGS, /"GATEWAY_PORT"\) \?\? (\d+)/)} |`,
    `is described at \`/docs\` | ${find(SETTINGS, /"INBOX_PORT"\) \?\? (\d+)/)} |`,
    `| ${valueOf("develop/local/src/stack.ts", "NATS_PORT")}, or any free one`,
  ],
  "ARCHITECTURE.md": [
    `unchanged, for ${INBOUND_AGE}: longer`,
    `silent for ${RELAY_SILENCE}, and`,
    `runs again, ${valueOf("libs/database/src/failure.ts", "CONFLICT_ATTEMPTS_MAX")} times at most`,
    `number of partitions, ${PARTITION_COUNT}, never changes. A router beyond the ${PARTITION_COUNT}th`,
  ],
  "CONTRIBUTING.md": [`Files have at most ${LIMITS} lines, functions at most ${FUNCTION_LIMIT}.`],
  "deploy/README.md": [
    `\`GATEWAY_PORT\` (${find(COMPOSE, /\{GATEWAY_PORT:-(\d+)\}/)})`,
    `\`INBOX_PORT\` (${find(COMPOSE, /\{INBOX_PORT:-(\d+)\}/)})`,
  ],
  "develop/local/README.md": [
    `up to ${seconds("develop/local/src/clock.ts", "UNNOTED_MS_MAX").replace(" s", " real seconds")}`,
  ],
  "develop/simulator/README.md": [
    `for ${valueOf("develop/simulator/src/delivery-queue.ts", "giveUpAfterMs") / MS.day} days`,
  ],
  "docs/glossary.md": [`One of ${PARTITION_COUNT} parts of the contacts`],
  "docs/reliability.md": [
    `messages at ${valueOf("develop/prove/src/round.ts", "QUIET_RATE")} a second`,
    `within a second; it may take ${seconds("develop/prove/src/run-rounds.ts", "RECOVERY_MS_MAX")}.`,
  ],
  "docs/runbook.md": [
    `over all routers is ${PARTITION_COUNT}`,
    `dead connection within ${REPLACED}, and finds what comes back within ${BACK}`,
    `reconnect every ${seconds("libs/database/src/line/sockets.ts", "REPLACE_MS")} until`,
    `where objid = ${valueOf("libs/database/src/advisory-locks.ts", "relay")}`,
    `only time for ${INBOUND_AGE};`,
    `younger than ${INBOUND_AGE},`,
    `the last ${EVENTS_AGE} again. During`,
    `the last ${EVENTS_AGE} again, under`,
    `\`LEASE_MS\` (${Number(find("services/router/src/config.ts", /LEASE_MS: .*default\(([\d_]+)\)/).replace("_", "")) / MS.s} s)`,
    `Give them ${find(COMPOSE, /^ {2}stop_grace_period: (\d+)s/m)} s`,
    `the sender ${find(COMPOSE, /^ {2}sender:$[^]*?stop_grace_period: (\d+)s/m)} s`,
    `at ${NEARLY_FULL} the provisioner`,
  ],
  ...inDecisions,
  "libs/relay/README.md": [`the oldest for ${STANDSTILL}, it`],
  "libs/runtime/README.md": [
    `on SIGTERM for ${DRAIN},`,
    `grows, up to ${seconds("libs/runtime/src/backoff.ts", "MOST_MS")} (`,
  ],
  "libs/stateful-service/README.md": [
    `asked every ${seconds("libs/database/src/line/watch-database.ts", "ASK_EVERY_MS")};`,
    `takes ${DRAIN} at most`,
  ],
  "services/gateway/README.md": [
    `more than ${valueOf("libs/whatsapp/src/line-writer.ts", "PARTS_MAX").toLocaleString("en")} updates`,
    `delivery of up to ${BODY},`,
    `more than ${BODY}, declared`,
    `slower than ${DEADLINE}, or`,
    `503 after ${DEADLINE}; at most ${megabytes(LANES, "waitingBytesMax")} wait`,
    `that time and ${DRAIN} more`,
    `after ${seconds(HTTP, "headersTimeout")} without a head`,
    `${seconds(HTTP, "requestTimeout")} without a whole request`,
    `at most ${CONNECTIONS} connections and ${megabytes(GATEWAY, "BODIES_BYTES_MAX")} of bodies`,
  ],
  "services/inbox/README.md": [
    `have ${valueOf("services/inbox/src/http/api.ts", "LIVE_STREAMS_MAX")} streams at once`,
    `after ${seconds("services/inbox/src/closing/histories.ts", "LEASE_MS")} it takes up`,
    `\`unavailable\` ${CALL};`,
  ],
  "services/provisioner/README.md": [`reaches ${NEARLY_FULL} of a limit`, `| ${EVENTS_SIZE} | size at which`],
  "services/router/README.md": [
    `command fails ${CALL};`,
    `ends within ${RELAY_SILENCE}, and`,
    `share the ${PARTITION_COUNT} partitions evenly; a router beyond the ${PARTITION_COUNT}th`,
  ],
  "services/sender/README.md": [
    `waits ${valueOf(`${SENDER}/tidy-sending.ts`, "WAITING_DAYS_MAX")} days for it`,
    `up to ${seconds(`${SENDER}/start-sending.ts`, "DRAIN_MS")} for the answer`,
  ],
  "services/session-tracker/README.md": [
    `session after ${seconds("libs/database/src/session-settings.ts", "idle_in_transaction_session_timeout")}, then`,
    `\`unavailable\` ${CALL};`,
  ],
};

/** Numbers that no constant of ours decides, each with the reason. */
export const EXEMPT: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /Terça 15h|message of 60,000 characters|ended after 42 s/g,
    "a sample of the simulator's catalogue, which docs/webhooks.md shows",
  ],
  [/\b24 hours?\b/g, 'Meta\'s customer service window. Meta, Cloud API, "Conversations"; `SESSION_MS` keeps it'],
  [/\b(?:for|within|at least) 7 days\b/g, 'how long Meta resends a webhook. Meta, Graph API, "Webhooks"'],
  [
    /a median of 250 ms and fewer than 1 % over 1 s/g,
    'what Meta asks of a webhook\'s answer. Meta, Cloud API, "Webhooks"',
  ],
  [/\b\d+ messages a second\b/g, "what an example's option does"],
  [/\b1, 3 or 5 replicas\b/g, "what JetStream offers"],
  [/one lane stores 48,000 updates a second at 1\.2 ms, sixteen lanes 6,500 at 9\.6 ms/g, "measured for decision 0002"],
  [/some 0\.15 s of processor time and 8 MB/g, "measured for decision 0005"],
  [
    /Two of these rounds took longer than 10 s[\s\S]*?waits 4 to 9 s/g,
    "measured by `npm run prove`; the last is nats-server's (server/raft.go, minElectionTimeout and maxElectionTimeout)",
  ],
  [/where the client's own settings took up to 80 s/g, "measured for decision 0035"],
];
