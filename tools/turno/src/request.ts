import type { Actor, CommandAnswer, CommandInput, CommandVerb, RefusalAnswer } from "@turno/contracts";
import { requestCommand, type Connection } from "@turno/messaging";

/** A command was used wrongly; the message shows how to use it. */
export class UsageFailure extends Error {
  readonly retryable = false;
}

/** A rule said no. */
export class RefusedFailure extends Error {
  readonly retryable = false;
  readonly refusal: RefusalAnswer;

  constructor(refusal: RefusalAnswer) {
    super(`${refusal.message} (${refusal.code})`);
    this.refusal = refusal;
  }
}

export const CLI_ACTOR: Actor = { kind: "service", name: "cli" };
const ANSWER_MS_MAX = 5000;

/** Sends a command and returns its answer; throws a `RefusedFailure` if it was refused. */
export async function ask<V extends CommandVerb>(
  connection: Connection,
  verb: V,
  input: CommandInput<V>,
  timeoutMs = ANSWER_MS_MAX,
): Promise<CommandAnswer<V>> {
  const reply = await requestCommand(connection, verb, input, { timeoutMs });
  if ("refusal" in reply) throw new RefusedFailure(reply.refusal);
  return reply;
}
