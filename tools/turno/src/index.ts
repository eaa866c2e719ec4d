export { runCommandLine, type CommandLineOptions } from "./command-line.ts";
export { UsageFailure } from "./request.ts";
