import { endWithTools, runTool } from "./steps.ts";
import { takeNoArguments } from "./take-no-arguments.ts";

takeNoArguments(`npm run attack

  What somebody may try who holds nothing, one secret or one password, against the running services; part of npm test.
  It takes no arguments.
`);
/** What was tried so far, as docs/security.md lists it. */
const FILES = [
  "develop/attack",
  "develop/local/test/nats-access",
  "develop/testing/test/table-rights",
  "services/gateway/test/app",
  "services/gateway/test/hostile",
  "services/inbox/test/console.integration",
  "services/inbox/test/hostile",
  "services/inbox/test/permissions",
  "services/router/test/hostile-lines",
];

endWithTools();
const { code } = await runTool(`vitest run ${FILES.join(" ")} --reporter=verbose`, {
  isShown: true,
});
process.exit(code);
