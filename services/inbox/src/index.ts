export { createCommandHandlers } from "./commands.ts";
export { createHistories } from "./histories.ts";
export { PROBLEMS, type ProblemCode } from "./http/problem.ts";
