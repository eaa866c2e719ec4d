import type { Mutation } from "./mutation.ts";

/** Who may do, see and hear what. */
export const PERMISSION_MUTATIONS: readonly Mutation[] = [
  {
    guarantee: "With an expired conversation exactly three things can be done; nobody is offered what it may not do",
    what: "an expired conversation takes free form",
    changes: [
      {
        file: "libs/conversation/src/permission-table.ts",
        find: 'not("session-over", holders),',
        replace: "may(holders),",
      },
    ],
    tests: ["services/inbox/test/actions.test.ts"],
  },
  {
    guarantee: "With an expired conversation exactly three things can be done; nobody is offered what it may not do",
    what: "somebody reads another agent's conversation",
    changes: [
      {
        file: "libs/conversation/src/permission.ts",
        find: 'if (relation === "taker") return isMember && agentIds.length === 0;',
        replace: 'if (relation === "taker") return isMember;',
      },
    ],
    tests: ["services/inbox/test/permissions.integration.test.ts"],
  },
  {
    guarantee:
      "Nobody does, sees or hears what the table of permissions does not give; every route and command asks for an act of it",
    what: "a list shows everybody every conversation",
    changes: [
      {
        file: "services/inbox/src/lists/list-conversations.ts",
        find: 'const inScope = isWithin(scopeOf(asker, "read"));',
        replace: 'const inScope = isWithin("all");',
      },
    ],
    tests: ["services/inbox/test/permissions-of-acts.integration.test.ts"],
  },
  {
    guarantee:
      "Nobody does, sees or hears what the table of permissions does not give; every route and command asks for an act of it",
    what: "all of a group hear live of each conversation",
    changes: [
      {
        file: "libs/conversation/src/audience.ts",
        find: 'event.isQueueChange ? "hear-queue" : "hear"',
        replace: '"hear-queue"',
      },
    ],
    tests: ["services/inbox/test/permissions-of-acts.integration.test.ts"],
  },
  {
    guarantee:
      "Nobody does, sees or hears what the table of permissions does not give; every route and command asks for an act of it",
    what: "anybody learns that nothing waits for an agent",
    changes: [
      {
        file: "services/router/src/assignment/claim.ts",
        find: "groupId === null ? refuseClaimFor(asker, agent)",
        replace: "groupId === null ? null",
      },
    ],
    tests: ["services/inbox/test/permissions-of-acts.integration.test.ts"],
  },
  {
    guarantee:
      "Nobody does, sees or hears what the table of permissions does not give; every route and command asks for an act of it",
    what: "a route asks for nothing",
    changes: [
      {
        file: "services/inbox/src/http/api.ts",
        find: 'app.all("/v1/*", (context) => refuseUnknownRoute(context));',
        replace:
          'app.get("/v1/figures", (context) => context.json({})).all("/v1/*", (context) => refuseUnknownRoute(context));',
      },
    ],
    tests: ["services/inbox/test/matrix.test.ts"],
  },
  {
    guarantee: "Nobody sees a ticket of conversations and customers that it has nothing to do with",
    what: "a search gives whatever the store finds",
    changes: [
      {
        file: "services/inbox/src/tickets/search-seen.ts",
        find: "found.push(...(await onlySeen(sql, sight, hits)));",
        replace: "found.push(...hits);",
      },
    ],
    tests: ["services/inbox/test/seen-tickets.integration.test.ts"],
  },
  {
    guarantee: "Nobody sees a ticket of conversations and customers that it has nothing to do with",
    what: "anybody reads a ticket by its number",
    changes: [
      {
        file: "services/inbox/src/tickets/ticket-permission.ts",
        find: "const [ticket] = await onlySeen(sql, sightOf(asker), found === null ? [] : [found]);",
        replace: "const [ticket] = found === null ? [] : [found];",
      },
    ],
    tests: ["services/inbox/test/permissions-of-acts.integration.test.ts"],
  },
  {
    guarantee: "Nobody sees a ticket of conversations and customers that it has nothing to do with",
    what: "a conversation that is over shows all tickets of its customer",
    changes: [
      {
        file: "libs/database/src/sight.ts",
        find: "[and(eq(conversations.agentId, agentId), IS_WORKED)]",
        replace: "[and(eq(conversations.agentId, agentId))]",
      },
    ],
    tests: ["services/inbox/test/seen-tickets.integration.test.ts"],
  },
  {
    guarantee:
      "On Kubernetes a pod is given what its service reads, and speaks with whom its service has to, and with nobody else",
    what: "a router reaches the internet",
    changes: [
      {
        file: "deploy/kubernetes/base/network-policies.yaml",
        find: "values: [sender, inbox]",
        replace: "values: [sender, inbox, router]",
      },
    ],
    tests: ["develop/local/test/kubernetes.test.ts"],
  },
  {
    guarantee:
      "On Kubernetes a pod is given what its service reads, and speaks with whom its service has to, and with nobody else",
    what: "the inbox is not told for whom its tokens are",
    changes: [
      {
        file: "deploy/kubernetes/base/inbox.yaml",
        find: "- name: AUTH_AUDIENCE",
        replace: "- name: AUTH_AUDIENCES",
      },
    ],
    tests: ["develop/local/test/kubernetes.test.ts"],
  },
  {
    guarantee:
      "A dry run of `configure` says what the same request does, and keeps nothing; no file leaves a group with conversations to nobody",
    what: "a dry run is kept",
    changes: [
      {
        file: "services/router/src/configuration/configure.ts",
        find: "if (stranding !== null || request.dryRun) throw new TakenBack(stranding ?? changes);",
        replace: "if (stranding !== null) throw new TakenBack(stranding);",
      },
    ],
    tests: ["develop/local/test/setup-file.integration.test.ts"],
  },
  {
    guarantee:
      "A dry run of `configure` says what the same request does, and keeps nothing; no file leaves a group with conversations to nobody",
    what: "a group with conversations may lose its last member",
    changes: [
      {
        file: "services/router/src/configuration/complete-sections.ts",
        find: "  if (first === undefined) return null;",
        replace: "  if (first === undefined || first.conversations > 0) return null;",
      },
    ],
    tests: ["develop/local/test/setup-file.integration.test.ts"],
  },
];
