import { endWithTools, runTool } from "./steps.ts";
import { takeNoArguments } from "./take-no-arguments.ts";

takeNoArguments(`npm run attack

  What somebody may try who holds one secret or one password, against the running services; part of npm test. It takes no arguments.
`);
endWithTools();
const { code } = await runTool("vitest run --project integration develop/attack --reporter=verbose", { isShown: true });
process.exit(code);
