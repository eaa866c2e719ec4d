import { endWithTools, print, runSteps, STATIC_STEPS, UNIT_STEP } from "./steps.ts";
import { takeNoArguments } from "./take-no-arguments.ts";

takeNoArguments(`npm run verify

  The quick part of the gate, without servers: format, lint, types, boundaries, dead code, unit tests. It takes no arguments.
`);
endWithTools();
const startedAt = performance.now();
const failed = await runSteps([...STATIC_STEPS, UNIT_STEP]);
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
print(failed.length === 0 ? `\nVerified in ${seconds} s.` : `\nFailed: ${failed.join(", ")} (${seconds} s).`);
process.exit(failed.length === 0 ? 0 : 1);
