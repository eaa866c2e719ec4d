import type { Mutation } from "./mutation.ts";

const GUARANTEE =
  "Who signs in is whom an issuer vouches for to this browser, until the issuer, the person or an admin ends it";
const tests = ["services/inbox/test/sign-in.integration.test.ts"];

/** What would sign in somebody else, or sign somebody out. */
export const SIGN_IN_MUTATIONS: readonly Mutation[] = [
  {
    guarantee: GUARANTEE,
    what: "an address that the issuer has not verified says who somebody is",
    changes: [
      {
        file: "services/inbox/src/sign-in/issuer-client.ts",
        find: "email_verified: z.literal(true)",
        replace: "email_verified: z.boolean()",
      },
    ],
    tests,
  },
  {
    guarantee: GUARANTEE,
    what: "an answer counts in a browser that did not ask for it",
    changes: [
      {
        file: "services/inbox/src/sign-in/issuer-client.ts",
        find: "expectedState: state,",
        replace: 'expectedState: url.searchParams.get("state") ?? state,',
      },
    ],
    tests,
  },
  {
    guarantee: GUARANTEE,
    what: "two replicas refresh at once",
    changes: [
      {
        file: "services/inbox/src/sign-in/sign-in-rows.ts",
        find: "and (refreshing_until is null or refreshing_until <= turno_now())",
        replace: "",
      },
    ],
    tests,
  },
  {
    guarantee: GUARANTEE,
    what: "a slower refresh that is refused ends a sign-in that was refreshed meanwhile",
    changes: [
      {
        file: "services/inbox/src/sign-in/sign-in-rows.ts",
        find: "delete from sign_ins where secret_hash = ${secretHash} and refreshes = ${refreshes}",
        replace: "delete from sign_ins where secret_hash = ${secretHash} and ${refreshes} >= 0",
      },
    ],
    tests,
  },
  {
    guarantee: GUARANTEE,
    what: "a sign-in goes on when its login is withdrawn",
    changes: [
      {
        file: "services/router/src/configuration/write-logins.ts",
        find: "await tx`delete from agent_logins where agent_id = any(${known}::uuid[])`",
        replace: "await tx`select from agent_logins where agent_id = any(${known}::uuid[])`",
      },
    ],
    tests,
  },
];
