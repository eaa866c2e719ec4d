import type { Actor } from "@turno/contracts";
import type { Connection } from "@turno/messaging";
import type { Directory } from "./directory.ts";
import { UsageFailure } from "./request.ts";

export interface CliOptions {
  as?: string | undefined;
  group?: string | undefined;
  "to-agent"?: string | undefined;
  "to-group"?: string | undefined;
  reason?: string | undefined;
  cause?: string | undefined;
  capacity?: string | undefined;
  account?: string | undefined;
  channel?: string | undefined;
  force?: boolean | undefined;
}

/** What a command returns: the answer as it came, and the same in words. */
export interface CliOutcome {
  answer: unknown;
  text: string;
}

export interface Call {
  connection: Connection;
  directory: Directory;
  /** The words after the command's name. */
  words: readonly string[];
  options: CliOptions;
  actor: Actor;
}

export interface Command {
  usage: string;
  summary: string;
  run(call: Call): Promise<CliOutcome>;
}

export function word(call: Call, index: number, what: string): string {
  const found = call.words[index];
  if (found === undefined) throw new UsageFailure(`${what} is missing`);
  return found;
}

/** Returns the agent that claims or sends: the one that asks. */
export function claimant({ directory, options }: Call): string {
  if (options.as === undefined) throw new UsageFailure("say which agent: --as <agent>");
  return directory.agent(options.as).id;
}
