import type { Mutation } from "./mutation.ts";

const GUARANTEE =
  "Outside a group's hours nobody is given what waits; what it says on its own is said once in a session, and is no answer";

/** When groups work, and what they say on their own. */
export const HOURS_MUTATIONS: readonly Mutation[] = [
  {
    guarantee: GUARANTEE,
    what: "what waits is given out at night",
    changes: [
      {
        file: "services/router/src/assignment/assign-queued.ts",
        find: "if (isOutside(group, now)) return NOTHING;",
        replace: 'if (isOutside(group, now) && groupId === "") return NOTHING;',
      },
    ],
    tests: ["develop/local/test/hours.integration.test.ts"],
  },
  {
    guarantee: GUARANTEE,
    what: "nobody gives out the queue when the hours begin",
    changes: [
      {
        file: "services/router/src/hours/watch-hours.ts",
        find: "options.begin(found.filter((id) => !atWork.has(id)));",
        replace: "options.begin(found.filter((id) => atWork.has(id) && !atWork.has(id)));",
      },
    ],
    tests: ["develop/local/test/hours.integration.test.ts"],
  },
  {
    guarantee: GUARANTEE,
    what: "a conversation forgets what was said in its session before it",
    changes: [
      {
        file: "libs/conversation/src/receive.ts",
        find: "const isSameSession = session.endsAt !== null && sentAt < session.endsAt;",
        replace: "const isSameSession = session.endsAt === null && sentAt > draft.now;",
      },
    ],
    tests: ["develop/local/test/hours.integration.test.ts"],
  },
  {
    guarantee: GUARANTEE,
    what: "an hour that the clocks skip is not looked for",
    changes: [
      {
        file: "libs/conversation/src/wall-time.ts",
        find: "return wall - before < changeAt ? wall - before : Math.max(changeAt, wall - after);",
        replace: "return wall - after;",
      },
    ],
    tests: ["libs/conversation/test/business-hours.test.ts"],
  },
];
