import type { Mutation } from "./mutation.ts";

/** Whose turn it is, and what may be done. */
export const RULES_MUTATIONS: readonly Mutation[] = [
  {
    guarantee:
      "A conversation has at most one agent; what waits in an automatic group with an eligible agent is given out",
    what: "a conversation that somebody has can be claimed",
    changes: [
      {
        file: "services/router/src/assignment/claim.ts",
        find: 'if (conversation?.state !== "queued") return refuseTaken(conversation ?? seen);',
        replace: "if (conversation === undefined) return refuseTaken(seen);",
      },
    ],
    tests: ["services/router/test/claim.integration.test.ts"],
  },
  {
    guarantee:
      "A conversation has at most one agent; what waits in an automatic group with an eligible agent is given out",
    what: "what is queued is given out only when something else happens",
    changes: [
      {
        file: "services/router/src/inbound/read-inbound.ts",
        find: "on.queued(outcome.queuedGroupIds);",
        replace: "on.queued(outcome.queuedGroupIds.slice(0, 0));",
      },
    ],
    tests: ["services/router/test/clocks.integration.test.ts"],
  },
  {
    guarantee: "No free form at or after the session's end; one template on an expired conversation opens one new one",
    what: "free form goes out after the session",
    changes: [
      {
        file: "libs/conversation/src/session.ts",
        find: "return session.endsAt !== null && now.getTime() < session.endsAt.getTime() - SEND_MARGIN_MS;",
        replace: "return session.endsAt !== null && now.getTime() < session.endsAt.getTime() + SEND_MARGIN_MS;",
      },
    ],
    tests: ["libs/conversation/test/session.test.ts", "libs/conversation/test/template.test.ts"],
  },
  {
    guarantee: "No free form at or after the session's end; one template on an expired conversation opens one new one",
    what: "two templates at once each open a conversation",
    changes: [
      {
        file: "libs/conversation/src/sending.ts",
        find: 'if (continuedById !== null) return { kind: "refuse", refusal: refuseContinued(continuedById) };',
        replace: "",
      },
      {
        file: "libs/conversation/src/sending.ts",
        find: "const newerId = input.openConversationId;",
        replace: "const newerId = null;",
      },
    ],
    tests: ["services/session-tracker/test/sending.integration.test.ts"],
  },
  {
    guarantee: "Turns: counts of agents that stay eligible differ by at most one, at 1 to 16 routers",
    what: "the oldest turn does not come first",
    changes: [
      {
        file: "libs/conversation/src/distribute.ts",
        find: "for (const member of members.toSorted(byLastTurn)) {",
        replace: "for (const member of members.toSorted((a, b) => byLastTurn(b, a))) {",
      },
    ],
    tests: ["libs/conversation/test/distribute.test.ts"],
  },
  {
    guarantee: "Turns: counts of agents that stay eligible differ by at most one, at 1 to 16 routers",
    what: "two routers give out in one group at once",
    changes: [
      {
        file: "services/router/src/assignment/assign-queued.ts",
        find: "from groups where id = ${groupId} for no key update`;",
        replace: "from groups where id = ${groupId}`;",
      },
    ],
    tests: [
      "services/router/test/assignment-locks.integration.test.ts",
      "services/router/test/distribution.integration.test.ts",
    ],
  },
  {
    guarantee: "No conversation closes without its ticket where the group asks for one; no history is added twice",
    what: "a conversation closes without its ticket",
    changes: [
      {
        file: "libs/conversation/src/closing.ts",
        find: 'if (!conversation.needsTicket || conversation.ticketLink === "confirmed") return null;',
        replace: "if (!conversation.needsTicket || conversation.ticketLink !== null) return null;",
      },
    ],
    tests: ["libs/conversation/test/closing.test.ts"],
  },
  {
    guarantee: "No conversation closes without its ticket where the group asks for one; no history is added twice",
    what: "a history that was added before is added once more",
    changes: [
      {
        file: "services/inbox/src/tickets/built-in-store.ts",
        find: "select ${createId()}, ${key}, id, 'history',",
        replace: "select ${createId()}, ${key} || clock_timestamp()::text, id, 'history',",
      },
    ],
    tests: ["services/inbox/test/ticket-store.integration.test.ts"],
  },
  {
    guarantee: "A customer is one contact with one address, and a phone is its latest owner's",
    what: "a retired user id becomes the address again",
    changes: [
      {
        file: "libs/conversation/src/contact.ts",
        find: "if (!isChange) return;",
        replace: "if (!isChange) draft.retired.delete(userId);",
      },
    ],
    tests: ["libs/conversation/test/contact.test.ts"],
  },
  {
    guarantee: "A customer is one contact with one address, and a phone is its latest owner's",
    what: "a batch writes over a contact that another one changed or joined meanwhile",
    changes: [
      {
        file: "services/router/src/inbound/write-effects.ts",
        find: "where contacts.id = contact.id and contacts.joined_into_id is null and contacts.sequence = before.sequence`;",
        replace: "where contacts.id = contact.id and before.id = contact.id`;",
      },
    ],
    tests: ["develop/local/test/interleavings.integration.test.ts"],
  },
  {
    guarantee: "Nobody works on what is only offered to an agent; what is declined or not accepted goes to another",
    what: "an offer that nobody accepts stays with its agent",
    changes: [
      {
        file: "libs/conversation/src/requeue.ts",
        find: 'return now >= offeredUntil ? "not-accepted" : null;',
        replace: "return null;",
      },
    ],
    tests: ["services/router/test/offers.integration.test.ts"],
  },
  {
    guarantee: "All rules together, in any interleaving",
    what: "an expired conversation comes back to life when its customer writes",
    changes: [
      {
        file: "services/router/src/inbound/look-up-people.ts",
        find: "channel_id = person.channel_id and state in ('queued', 'active')",
        replace: "channel_id = person.channel_id and state in ('queued', 'active', 'expired')",
      },
      {
        file: "services/router/src/inbound/look-up-people.ts",
        find: "where id = person.open_id and state in ('queued', 'active') for update",
        replace: "where id = person.open_id and state in ('queued', 'active', 'expired') for update",
      },
    ],
    tests: ["services/session-tracker/test/sending.integration.test.ts"],
  },
  {
    guarantee:
      "Only a person's word that Meta took ends a customer's waiting; who let a conversation lapse is given it again only where nobody else can take it",
    what: "a program's message is an answer",
    changes: [
      {
        file: "services/sender/src/sending/note-answers.ts",
        find: "and event.data #>> '{actor,kind}' = 'agent' and exists (",
        replace: "and exists (",
      },
    ],
    tests: ["develop/local/test/answers.integration.test.ts"],
  },
  {
    guarantee:
      "Only a person's word that Meta took ends a customer's waiting; who let a conversation lapse is given it again only where nobody else can take it",
    what: "who let a conversation lapse gets it again in turn",
    changes: [
      {
        file: "libs/conversation/src/distribute.ts",
        find: "agent.agentId !== requeuedFromAgentId && !hasLapsed(agent));",
        replace: "agent.agentId !== requeuedFromAgentId);",
      },
    ],
    tests: ["libs/conversation/test/lapses.test.ts"],
  },
  {
    guarantee: "A command under a caller's key has its effect once, and a repetition gets the first answer",
    what: "the answer to a caller's key is not looked up",
    changes: [
      {
        file: "libs/database/src/answer-once.ts",
        find: "if (first !== undefined) return",
        replace: "if (first !== undefined && verb === key) return",
      },
    ],
    tests: ["services/session-tracker/test/caller-key.integration.test.ts"],
  },
  {
    guarantee: "Nobody deactivated has an active conversation, and nothing is done by it or for it",
    what: "who is deactivated may go on",
    changes: [
      {
        file: "libs/conversation/src/eligibility.ts",
        find: "if (agent.deactivatedAt === null) return null;",
        replace: 'if (agent.deactivatedAt === null || agent.agentId !== "") return null;',
      },
    ],
    tests: ["services/router/test/deactivation.integration.test.ts"],
  },
];
