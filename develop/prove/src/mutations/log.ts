import type { Mutation } from "./mutation.ts";

/** What comes in, takes effect and goes out. */
export const LOG_MUTATIONS: readonly Mutation[] = [
  {
    guarantee: "Every update of a POST answered 200 takes effect exactly once; nothing unsigned does",
    what: "the gateway answers before the broker acknowledges",
    changes: [
      {
        file: "services/gateway/src/inbound-log.ts",
        find: "return await publisher.publish(subject, payload, options);",
        replace:
          "publisher.publish(subject, payload, options).catch(() => undefined); return { sequence: 1, duplicate: false };",
      },
    ],
    tests: ["services/gateway/test/storing.integration.test.ts", "services/gateway/test/lanes.test.ts"],
  },
  {
    guarantee: "Every update of a POST answered 200 takes effect exactly once; nothing unsigned does",
    what: "a wrong signature passes",
    changes: [
      {
        file: "libs/whatsapp/src/signature.ts",
        find: "if (timingSafeEqual(expected, given) && found === -1) found = index;",
        replace: "if (timingSafeEqual(expected, given) || found === -1) found = index;",
      },
    ],
    tests: ["libs/whatsapp/test/signature.test.ts"],
  },
  {
    guarantee: "Every update of a POST answered 200 takes effect exactly once; nothing unsigned does",
    what: "what came before is not looked up, and its key is not unique",
    changes: [
      {
        file: "services/router/src/inbound/look-up-known-state.ts",
        find: "knownKeys: new Set(knownKeys),",
        replace: "knownKeys: new Set(knownKeys.slice(0, 0)),",
      },
      {
        file: "libs/database/migrations/0000_initial.sql",
        find: 'CONSTRAINT "messages_key_unique" UNIQUE("key"),',
        replace: 'CONSTRAINT "messages_key_unique" CHECK("key" <> \'\'),',
      },
    ],
    tests: ["services/router/test/inbound.integration.test.ts"],
  },
  {
    guarantee: "Every update of a POST answered 200 takes effect exactly once; nothing unsigned does",
    what: "a router that was paused commits all the same",
    changes: [
      {
        file: "libs/database/src/log/move-positions.ts",
        find: ' and position.owner = ${reader.owner} and position.sequence = move."from"`',
        replace: " `",
      },
    ],
    tests: ["services/router/test/fence.integration.test.ts"],
  },
  {
    guarantee: "Every update of a POST answered 200 takes effect exactly once; nothing unsigned does",
    what: "a router goes on after a failed batch as if it had been applied",
    changes: [
      {
        file: "libs/messaging/src/partition-reader.ts",
        find: 'for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;',
        replace: "void outcomes;",
      },
    ],
    tests: ["libs/messaging/test/partition-reader.test.ts"],
  },
  {
    guarantee: "Every update of a POST answered 200 takes effect exactly once; nothing unsigned does",
    what: "what the database refuses is not set aside",
    changes: [
      {
        file: "libs/stateful-service/src/lane/apply-lines.ts",
        find: "insertDeadLetters(tx, letters, createId),",
        replace: "insertDeadLetters(tx, letters.slice(0, 0), createId),",
      },
    ],
    tests: ["services/router/test/inbound.integration.test.ts"],
  },
  {
    guarantee: "Per contact, messages take effect in stream order and events leave in order",
    what: "transactions at once share a contact",
    changes: [
      {
        file: "libs/messaging/src/partition-reader.ts",
        find: "return { lines: lines.filter(isIn), moves: moves.filter(isIn) };",
        replace: "return { lines: lines.filter((_, at) => at % parts === index), moves: moves.filter(isIn) };",
      },
    ],
    tests: ["services/router/test/inbound.integration.test.ts"],
  },
  {
    guarantee: "Per contact, messages take effect in stream order and events leave in order",
    what: "the messages of a chain do not hang on each other",
    changes: [
      {
        file: "libs/messaging/src/publisher.ts",
        find: "const options = { headers: { ...headers, ...expect(index) }, id };",
        replace: "const options = { headers: { ...headers, ...(expect(index) && {}) }, id };",
      },
    ],
    tests: ["libs/messaging/test/publisher.integration.test.ts"],
  },
  {
    guarantee:
      "A database that goes back in time loses nothing that was answered 200, and nothing is sent twice for it",
    what: "a position is raised to what the process remembers",
    changes: [
      {
        file: "libs/database/src/log/lease-partitions.ts",
        find: "      and position.sequence = believed.sequence`;",
        replace: "      and believed.sequence >= 0`;",
      },
    ],
    tests: ["services/router/test/going-back.integration.test.ts"],
  },
  {
    guarantee:
      "A database that goes back in time loses nothing that was answered 200, and nothing is sent twice for it",
    what: "Meta is called before it is known what the abandoned timeline had sent",
    changes: [
      {
        file: "services/sender/src/sending/lease-sends.ts",
        find: "and (select turno_may_send())",
        replace: "and true",
      },
    ],
    tests: ["services/sender/test/restored.integration.test.ts"],
  },
  {
    guarantee: "No jump of a clock expires anybody, or makes anything wait for it",
    what: "conversations expire by a clock that jumped",
    changes: [
      {
        file: "services/session-tracker/src/expiry/sweep-due.ts",
        find: "return mayTrust(clocks) && lowest !== null",
        replace: "return (mayTrust(clocks) || true) && lowest !== null",
      },
    ],
    tests: ["services/session-tracker/test/clocks.integration.test.ts"],
  },
  {
    guarantee: "No jump of a clock expires anybody, or makes anything wait for it",
    what: "messages wait for a clock that was set back",
    changes: [
      {
        file: "services/sender/src/sending/recall-future-sends.ts",
        find: "where state = 'waiting' and due_at",
        replace: "where state = 'none' and due_at",
      },
    ],
    tests: ["services/sender/test/clocks.integration.test.ts"],
  },
  {
    guarantee: "Expiry at its instant, never past the watermark",
    what: "conversations expire past the watermark",
    changes: [
      {
        file: "services/session-tracker/src/expiry/sweep-due.ts",
        find: "new Date(Math.min(clocks.rules, lowest))",
        replace: "new Date(clocks.rules)",
      },
    ],
    tests: ["services/session-tracker/test/expiry.integration.test.ts"],
  },
  {
    guarantee: "Expiry at its instant, never past the watermark",
    what: "the watermark passes what was not applied",
    changes: [
      {
        file: "libs/messaging/src/partition-reader.ts",
        find: "if (next !== null && state.appliedSequence >= next.sequence) {",
        replace: "if (next !== null) {",
      },
    ],
    tests: ["services/router/test/inbound.integration.test.ts"],
  },
];
