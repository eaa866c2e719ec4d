import {
  COMMANDS,
  commandSubject,
  type CommandAnswer,
  type CommandInput,
  type CommandReply,
  type CommandRequest,
  type CommandVerb,
  type RefusalAnswer,
} from "@turno/contracts";
import { Failure, isDefect, isUndone } from "@turno/runtime";
import type { Subscription } from "nats";
import { z } from "zod";
import { BrokerFailure, asBrokerFailure, type Connection } from "./connection.ts";

/** What answers a command: its answer, or the refusal of a rule. What it throws is a failure of the world, or a defect. */
export type CommandHandlers = {
  [V in CommandVerb]?: (request: CommandRequest<V>) => Promise<CommandAnswer<V> | RefusalAnswer>;
};

/** A command took longer than its caller waits. It may still take effect. */
export class LateFailure extends Failure {}

export interface CommandResponder {
  /**
   * Sends a command for somebody else: to this process's own handler where it has one, else over the broker to the service
   * that owns it. Both are checked, counted, told and answered alike. Throws a `LateFailure` where its own handler has not
   * answered after `timeoutMs`, and a `BrokerFailure` as `requestCommand` does.
   */
  request: <V extends CommandVerb>(
    verb: V,
    input: CommandInput<V>,
    options: { timeoutMs: number },
  ) => Promise<CommandReply<V>>;
  /** Takes no new command, finishes those under way. */
  stop(): Promise<void>;
}

export interface ResponderOptions {
  service: string;
  handlers: CommandHandlers;
  onAnswer?(verb: CommandVerb, outcome: Outcome, ms: number): void;
  onFailure(verb: CommandVerb, error: unknown): void;
  /** Hears of what a handler threw that is no failure: the caller is told so, and it is not tried again. */
  onDefect(verb: CommandVerb, error: unknown): void;
}

/**
 * Answers commands, sharing them with every other replica of the service. What is not of the command's schema is refused
 * by name of the field and rule, before any handler sees it.
 */
export function answerCommands(connection: Connection, options: ResponderOptions): CommandResponder {
  const underWay = new Set<Promise<void>>();
  const begin = (verb: CommandVerb, text: string, respond: (text: string) => void) => {
    const answering = answer(options, verb, text, respond).finally(() => underWay.delete(answering));
    underWay.add(answering);
  };
  const subscriptions: Subscription[] = Object.keys(options.handlers).map((verb) =>
    connection.nats.subscribe(commandSubject(verb), {
      queue: options.service,
      callback: (error, message) => {
        if (error !== null) {
          return options.onFailure(verb as CommandVerb, asBrokerFailure("commands cannot be listened to", error));
        }
        begin(verb as CommandVerb, message.string(), (text) => message.respond(text));
      },
    }),
  );
  return {
    request: async <V extends CommandVerb>(verb: V, input: CommandInput<V>, { timeoutMs }: { timeoutMs: number }) => {
      if (options.handlers[verb] === undefined) return requestCommand(connection, verb, input, { timeoutMs });
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const timer = setTimeout(() => reject(new LateFailure(`${verb} took longer than ${timeoutMs} ms`)), timeoutMs);
      begin(verb, JSON.stringify(input), resolve);
      return readReply<V>(await promise.finally(() => clearTimeout(timer)));
    },
    stop: async () => {
      await Promise.all(subscriptions.map((subscription) => subscription.drain()));
      await Promise.all(underWay);
    },
  };
}

type Outcome = "ok" | "refused" | "failed" | "defect";

async function answer(
  options: ResponderOptions,
  verb: CommandVerb,
  request: string,
  respond: (text: string) => void,
): Promise<void> {
  const startedAt = performance.now();
  const { text, outcome } = await handle(options, verb, request);
  try {
    respond(text);
  } catch (error) {
    return options.onFailure(verb, asBrokerFailure("the answer to a command cannot be sent", error));
  }
  options.onAnswer?.(verb, outcome, performance.now() - startedAt);
}

async function handle(
  options: ResponderOptions,
  verb: CommandVerb,
  text: string,
): Promise<{ text: string; outcome: Outcome }> {
  try {
    const request = readRequest(verb, text);
    if ("refusal" in request) return { text: JSON.stringify(request), outcome: "refused" };
    const run = options.handlers[verb] as (request: unknown) => Promise<object>;
    const result = await run(request.value);
    if ("code" in result && "message" in result) {
      return { text: JSON.stringify({ refusal: result }), outcome: "refused" };
    }
    return { text: JSON.stringify({ ok: true, ...result }), outcome: "ok" };
  } catch (error) {
    if (isDefect(error)) {
      options.onDefect(verb, error);
      const refusal = { code: "defect", message: isUndone(error) ? DEFECT_UNDONE : DEFECT_UNKNOWN };
      return { text: JSON.stringify({ refusal }), outcome: "defect" };
    }
    options.onFailure(verb, error);
    const refusal = { code: "unavailable", message: isUndone(error) ? UNAVAILABLE_UNDONE : UNAVAILABLE_UNKNOWN };
    return { text: JSON.stringify({ refusal }), outcome: "failed" };
  }
}

const UNAVAILABLE_UNDONE =
  "The service could not do this now; nothing was changed. Send the command again in a moment.";
const UNAVAILABLE_UNKNOWN =
  "The service could not do this now. Whether the command took effect is not known: look before you send it again.";
const DEFECT_UNDONE =
  "This is a fault of ours; it was noted. Nothing was changed, and sending the command again does not help.";
const DEFECT_UNKNOWN =
  "This is a fault of ours; it was noted. Whether the command took effect is not known: look before you send it again.";

function readRequest(verb: CommandVerb, text: string): { value: unknown } | { refusal: RefusalAnswer } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    return { refusal: { code: "invalid", message: `The command is not JSON: ${(error as Error).message}` } };
  }
  const parsed = COMMANDS[verb].request.safeParse(body);
  if (parsed.success) return { value: parsed.data };
  const faults = parsed.error.issues.map((issue) => ({ field: issue.path.join(".") || "(body)", rule: issue.message }));
  const message = `The command is not valid: ${faults.map(({ field, rule }) => `${field}: ${rule}`).join("; ")}`;
  return { refusal: { code: "invalid", message, details: { faults } } };
}

const replySchema = z.union([
  z.looseObject({ ok: z.literal(true) }),
  z.object({
    refusal: z.object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()).optional() }),
  }),
]);

/** Sends a command and waits for its reply. Throws a `BrokerFailure` where nobody answers in time or the user may not send it. */
export async function requestCommand<V extends CommandVerb>(
  connection: Connection,
  verb: V,
  input: CommandInput<V>,
  options: { timeoutMs: number } = { timeoutMs: 5_000 },
): Promise<CommandReply<V>> {
  if (!connection.isConnected) throw new BrokerFailure("the broker is away");
  let text: string;
  try {
    const message = await connection.nats.request(commandSubject(verb), JSON.stringify(input), {
      timeout: options.timeoutMs,
    });
    text = message.string();
  } catch (error) {
    throw asBrokerFailure(`nobody answers ${commandSubject(verb)}: is the service that owns it running?`, error);
  }
  return readReply<V>(text);
}

function readReply<V extends CommandVerb>(text: string): CommandReply<V> {
  return replySchema.parse(JSON.parse(text)) as CommandReply<V>;
}
