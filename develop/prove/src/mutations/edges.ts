import type { Mutation } from "./mutation.ts";

/** What goes to Meta, and what reaches nobody. */
export const EDGES_MUTATIONS: readonly Mutation[] = [
  {
    guarantee: "Lag is told by whoever lives, also of partitions that nobody reads; each alert fires on its fault",
    what: "partitions without a live reader have no lag",
    changes: [
      {
        file: "libs/database/src/log/read-lag.ts",
        find: "from log_positions as position cross join database_timeline as timeline",
        replace:
          "from (select * from log_positions where owner in (select owner from log_readers where lease_until > turno_clock())) as position cross join database_timeline as timeline",
      },
    ],
    tests: ["develop/local/test/watched.integration.test.ts"],
  },
  {
    guarantee: "No message is sent to Meta twice, none is lost; rates hold with several senders",
    what: "an outcome of an earlier attempt counts",
    changes: [
      {
        file: "services/sender/src/sending/record-outcomes.ts",
        find: "const isCurrent = send?.attempt === attempt && !settlement.sends.has(id);",
        replace: "const isCurrent = attempt > 0 && !settlement.sends.has(id);",
      },
    ],
    tests: ["services/sender/test/fences.integration.test.ts"],
  },
  {
    guarantee: "No message is sent to Meta twice, none is lost; rates hold with several senders",
    what: "a call whose outcome is not known is made again",
    changes: [
      {
        file: "services/sender/src/sending/record-outcomes.ts",
        find: "if (send.kind === READ_KIND && send.attempt < READ_ATTEMPTS_MAX) {",
        replace: "if (send.attempt < READ_ATTEMPTS_MAX) {",
      },
    ],
    tests: ["services/sender/test/judge.test.ts", "services/sender/test/chaos.integration.test.ts"],
  },
  {
    guarantee: "No message is sent to Meta twice, none is lost; rates hold with several senders",
    what: "each sender keeps a rate of its own",
    changes: [
      {
        file: "services/sender/src/sending/lease-sends.ts",
        find: "fullAtMs: new Map(rows.map(({ key, fullAtMs }) => [key, fullAtMs])) };",
        replace: "fullAtMs: new Map(rows.slice(0, 0).map(({ key, fullAtMs }) => [key, fullAtMs])) };",
      },
    ],
    tests: ["services/sender/test/fences.integration.test.ts"],
  },
  {
    guarantee: "No phone number or text in a subject; memory flat under hostile bodies",
    what: "a body without a declared length has no limit",
    changes: [
      {
        file: "services/gateway/src/body.ts",
        find: 'if (length > limits.bytesMax) return finish({ kind: "too_large" });',
        replace: 'if (length > limits.bytesMax * 100) return finish({ kind: "too_large" });',
      },
    ],
    tests: ["services/gateway/test/hostile.integration.test.ts"],
  },
  {
    guarantee: "No token, phone number or text in any log of a service",
    what: "phone numbers in logs are not noticed",
    changes: [
      {
        file: "develop/testing/src/log-audit.ts",
        find: '["a phone number", /(?<![\\w.])\\+?\\d{10,15}(?![\\w.])/],',
        replace: "",
      },
    ],
    tests: ["develop/testing/test/log-audit.test.ts"],
  },
  {
    guarantee: "Each program does on NATS what its table gives it, and nothing else; nobody sees another's replies",
    what: "the gateway may publish events",
    changes: [
      {
        file: "libs/contracts/src/access.ts",
        find: "publishes: [...INBOUND_LANES.map(lane), INBOUND_PARTS.subject],",
        replace: "publishes: [...INBOUND_LANES.map(lane), INBOUND_PARTS.subject, EVENT_SUBJECTS],",
      },
    ],
    tests: ["libs/contracts/test/access.test.ts"],
  },
  {
    guarantee: "Each program does on NATS what its table gives it, and nothing else; nobody sees another's replies",
    what: "the gateway may answer anybody",
    changes: [
      {
        file: "libs/contracts/src/access.ts",
        find: 'return answeredBy(user).every((verb) => examined.includes(verb)) ? ["cli", OPEN_USER] : null;',
        replace: "return examined.length === 0 ? [] : null;",
      },
    ],
    tests: ["libs/contracts/test/access.test.ts"],
  },
  {
    guarantee:
      "A NATS user asks for itself, unless its table says otherwise, and gets its answers only where it listens",
    what: "a command is answered wherever its reply subject leads",
    changes: [
      {
        file: "libs/messaging/src/commands.ts",
        find: "message.reply?.startsWith(`${replyPrefix(user)}.`) !== true",
        replace: "message.reply === undefined",
      },
    ],
    tests: ["libs/messaging/test/commands.test.ts"],
  },
  {
    guarantee:
      "A NATS user asks for itself, unless its table says otherwise, and gets its answers only where it listens",
    what: "a command's actor is believed",
    changes: [
      {
        file: "libs/messaging/src/commands.ts",
        find: "if (user === null || maySpeakFor(user, actor)) return null;",
        replace: 'if (user === null || maySpeakFor(user, actor) || actor.kind === "agent") return null;',
      },
    ],
    tests: ["libs/messaging/test/commands.test.ts"],
  },
  {
    guarantee: "A program acts in the groups that an admin names for it, and in no other",
    what: "a program that nobody configured acts in every group",
    changes: [
      {
        file: "libs/database/src/asker.ts",
        find: 'return row?.inAllGroups === true ? "all" : (row?.groupIds ?? []);',
        replace: 'return row?.inAllGroups === false ? row.groupIds : "all";',
      },
    ],
    tests: ["services/router/test/configure.integration.test.ts"],
  },
  {
    guarantee: "A program acts in the groups that an admin names for it, and in no other",
    what: "what only admins may do needs no more than one group",
    changes: [
      {
        file: "libs/conversation/src/permission.ts",
        find: 'if (relations.every((relation) => relation === "admin")) return false;',
        replace: "",
      },
    ],
    tests: ["libs/conversation/test/program-permission.test.ts"],
  },
  {
    guarantee: "What a secret signs takes effect on nobody else's account or number",
    what: "an app without a binding speaks for what others are bound to",
    changes: [
      {
        file: "services/gateway/src/may-speak-for.ts",
        find: 'return ({ accountId, phoneNumberId }) => !accounts.has(accountId ?? "") && !numbers.has(phoneNumberId ?? "");',
        replace: 'return ({ accountId }) => !accounts.has(accountId ?? "") || numbers.size > 0;',
      },
    ],
    tests: ["services/gateway/test/may-speak-for.test.ts"],
  },
  {
    guarantee: "What a secret signs takes effect on nobody else's account or number",
    what: "a status settles whatever message it names",
    changes: [
      {
        file: "services/sender/src/statuses/apply-statuses.ts",
        find: "if (isOfAnothers(status, send)) {",
        replace: "if (isOfAnothers(status, send) && send.wamid !== null) {",
      },
    ],
    tests: ["develop/attack/test/other-app.integration.test.ts"],
  },
  {
    guarantee: "No line stops its reader, whatever it holds",
    what: "a dead letter is written as its line is",
    changes: [
      {
        file: "libs/stateful-service/src/lane/dead-letters.ts",
        find: "line: toStorableText(line),",
        replace: "line,",
      },
    ],
    tests: ["services/router/test/hostile-lines.integration.test.ts"],
  },
  {
    guarantee:
      "Each service does with the database what its statements need, and nothing else; only the migrator changes the schema",
    what: "a service may read what none of its statements does",
    changes: [
      {
        file: "libs/database/schema/table-rights.ts",
        find: 'contact_identities: { router: "raw", "session-tracker": "ra" },',
        replace: 'contact_identities: { router: "raw", "session-tracker": "ra", inbox: "r" },',
      },
    ],
    tests: ["develop/testing/test/table-rights.integration.test.ts"],
  },
  {
    guarantee:
      "Each service does with the database what its statements need, and nothing else; only the migrator changes the schema",
    what: "a right that was given by hand stays",
    changes: [
      {
        file: "libs/database/src/roles.ts",
        find: "`revoke all on all tables in schema public, drizzle from ${to}`,",
        replace: "",
      },
    ],
    tests: ["services/migrator/test/migrator.integration.test.ts"],
  },
  {
    guarantee: "Whatever comes in is kept whole or refused with a cause, in work that its bytes bound",
    what: "each line repeats what it shares, however long that is",
    changes: [
      {
        file: "libs/whatsapp/src/line-writer.ts",
        find: "if (length > lengthMax) throw new TooManyParts();",
        replace: "",
      },
    ],
    tests: ["develop/fuzz/test/work.test.ts"],
  },
  {
    guarantee: "Whatever comes in is kept whole or refused with a cause, in work that its bytes bound",
    what: "a value without updates is lost beside a member that nobody knows",
    changes: [
      {
        file: "libs/whatsapp/src/webhook.ts",
        find: 'if (writer.updates.length === before) return keepRaw(splitter, at, change, "change");',
        replace:
          'if (writer.updates.length === before && !holdsUnknown(change, { field: true, value: true })) return keepRaw(splitter, at, change, "change");',
      },
    ],
    tests: ["develop/fuzz/test/short.test.ts"],
  },
  {
    guarantee: "Whatever comes in is kept whole or refused with a cause, in work that its bytes bound",
    what: "a line that just fits into a message is divided into one part",
    changes: [
      {
        file: "services/gateway/src/publish-record.ts",
        find: "bytes - 1 > log.recordBytesMax",
        replace: "bytes > log.recordBytesMax",
      },
    ],
    tests: ["services/gateway/test/publish-record.test.ts"],
  },
];
