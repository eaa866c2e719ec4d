import type { Mutation } from "./mutation.ts";

const EVENTS = "Every committed event is published at least once, under one id";
const CUT_OFF = "Whatever is killed, stopped or cut off under load, the above holds";
const SENDS = "No message is sent to Meta twice, none is lost; rates hold with several senders";

const TOKENS = "A token's failure stops only what is sent with that token, and the database holds none in clear";

/** What lies under it all: the stream of events, connections, the schema, Meta's refusals. */
export const GROUND_MUTATIONS: readonly Mutation[] = [
  {
    guarantee: EVENTS,
    what: "what the stream holds already stays in the outbox",
    changes: [
      {
        file: "libs/relay/src/lead.ts",
        find: "const positions = await dropFromOutbox(sql, [...ids]);",
        replace: "const positions = await dropFromOutbox(sql, [...ids].slice(0, 0));",
      },
    ],
    tests: ["libs/relay/test/stream-damage.integration.test.ts"],
  },
  {
    guarantee: EVENTS,
    what: "a stream that lost its events is not filled again",
    changes: [
      {
        file: "libs/relay/src/publish-next.ts",
        find: "if (lead.refill === null) return false;",
        replace: "if (lead.refill === null || lead.refill.to > 0) return false;",
      },
    ],
    tests: ["libs/relay/test/relay.integration.test.ts"],
  },
  {
    guarantee: CUT_OFF,
    what: "a connection to Postgres that says nothing any more is waited for",
    changes: [
      {
        file: "libs/database/src/line/sockets.ts",
        find: "if (now - seen.readAt > silenceMs) giveUp(socket, silence);",
        replace: "if (now < 0 && seen.readAt > silenceMs) giveUp(socket, silence);",
      },
    ],
    tests: ["develop/testing/test/lost-connections.integration.test.ts"],
  },
  {
    guarantee: CUT_OFF,
    what: "the driver is not mended: what was to be written when a session ended is in the way of the next one",
    changes: [
      {
        file: "libs/database/src/line/driver.ts",
        find: "clearImmediate(nextWriteTimer)\\n    nextWriteTimer = chunk = null",
        replace: "clearImmediate(nextWriteTimer)",
      },
    ],
    tests: ["develop/testing/test/lost-connections.integration.test.ts"],
  },
  {
    guarantee: CUT_OFF,
    what: "sessions on a database that became read-only are kept",
    changes: [
      {
        file: "libs/database/src/line/sockets.ts",
        find: "for (const [socket] of old) giveUp(socket, reason);",
        replace: "for (const [socket] of [...old].slice(0, 0)) giveUp(socket, reason);",
      },
    ],
    tests: ["develop/testing/test/lost-connections.integration.test.ts"],
  },
  {
    guarantee: "At most one queued or active conversation per channel and contact",
    what: "the index of open conversations is not unique",
    changes: [
      {
        file: "libs/database/migrations/0000_initial.sql",
        find: 'CREATE UNIQUE INDEX "conversations_open_idx"',
        replace: 'CREATE INDEX "conversations_open_idx"',
      },
    ],
    tests: ["develop/testing/test/schema.integration.test.ts"],
  },
  {
    guarantee:
      "A blocked contact has no open conversation and gets none, whoever writes or opens one at the same moment; nothing ends without a ticket but spam, by who may",
    what: "a conversation opens for a contact that is being blocked",
    changes: [
      {
        file: "services/router/src/inbound/open-conversations.ts",
        find: "and joined_into_id is null and blocked_at is null",
        replace: "and joined_into_id is null",
      },
    ],
    tests: ["develop/local/test/nuisance.integration.test.ts"],
  },
  {
    guarantee:
      "Who writes first opens no second conversation: of all who open one at once one does, and the others go into it or are told of it",
    what: "who writes first is not told of the open conversation",
    changes: [
      {
        file: "services/session-tracker/src/sending-gate/start-conversation.ts",
        find: "if (OVERTAKEN.has(sent.code)) throw",
        replace: "if (OVERTAKEN.has(`${sent.code}?`)) throw",
      },
    ],
    tests: ["develop/local/test/first-writing.integration.test.ts"],
  },
  {
    guarantee: SENDS,
    what: "a refusal from before the last reset stops sending again",
    changes: [
      {
        file: "services/sender/src/circuits/circuits.ts",
        find: "and (excluded.opened_at > circuits.closed_at or circuits.closed_at > turno_now())",
        replace: "and true",
      },
    ],
    tests: ["services/sender/test/half-open.integration.test.ts", "services/sender/test/stops.integration.test.ts"],
  },
  {
    guarantee: SENDS,
    what: "what was stopped is never tried again",
    changes: [
      {
        file: "services/sender/src/circuits/circuits.ts",
        find: "return sql`(try_at > turno_clock() and",
        replace: "return sql`(true or try_at > turno_clock() and",
      },
    ],
    tests: ["services/sender/test/half-open.integration.test.ts"],
  },
  {
    guarantee: TOKENS,
    what: "one token's stop holds what is sent with another",
    changes: [
      {
        file: "services/sender/src/tokens/own-token.ts",
        find: "coalesce((select fingerprint from ${ownToken(sql)} as own), ${tokenKey}::text)",
        replace: "coalesce((select min(fingerprint) from access_tokens), ${tokenKey}::text)",
      },
    ],
    tests: ["services/sender/test/stops.integration.test.ts"],
  },
  {
    guarantee: TOKENS,
    what: "a row opens as another business's token",
    changes: [
      {
        file: "services/sender/src/tokens/token-vault.ts",
        find: "`turno access token ${scope} ${key}`",
        replace: "`turno access token ${scope.length * 0 + key.length * 0}`",
      },
    ],
    tests: ["services/sender/test/token-vault.test.ts"],
  },
  {
    guarantee: TOKENS,
    what: "a sender leases what it has no key for",
    changes: [
      {
        file: "services/sender/src/tokens/own-token.ts",
        find: "select key_id = any(${[...keyIds]}::text[]) from",
        replace: "select key_id = any(${[...keyIds]}::text[]) or true from",
      },
    ],
    tests: ["services/sender/test/stops.integration.test.ts"],
  },
  {
    guarantee: "Every event is what its contract says",
    what: "an event about a ticket link does not name the ticket",
    changes: [
      {
        file: "services/inbox/src/tickets/change-link.ts",
        find: 'return { type: "ticket.rejected", data: { ...place, ...pick(conversation.link), actor } };',
        replace: 'return { type: "ticket.rejected", data: { ...place, actor } as never };',
      },
    ],
    tests: ["services/inbox/test/tickets.integration.test.ts"],
  },
  {
    guarantee: "The last release works on the next one's schema; a database that none can work on is refused",
    what: "a database that has lost what this release needs is taken",
    changes: [
      {
        file: "libs/database/src/check-schema.ts",
        find: "if (known >= least) return;",
        replace: "if (known >= least || least > 0) return;",
      },
    ],
    tests: ["develop/testing/test/migrate.integration.test.ts"],
  },
];
