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
import type { Msg, Subscription } from "nats";
import { z } from "zod";
import { BrokerFailure, asBrokerFailure, type Connection } from "./connection.ts";

/** What answers a command: its answer, or the refusal of a rule. A throw is a failure of the world, and is reported as such. */
export type CommandHandlers = {
  [V in CommandVerb]?: (request: CommandRequest<V>) => Promise<CommandAnswer<V> | RefusalAnswer>;
};

export interface CommandResponder {
  /** Takes no new command, finishes those under way. */
  stop(): Promise<void>;
}

/**
 * Answers commands, sharing them with every other replica of the service. What is not of the command's schema is refused
 * by name of the field and rule, before any handler sees it.
 */
export function answerCommands(
  connection: Connection,
  options: {
    service: string;
    handlers: CommandHandlers;
    onAnswer?(verb: CommandVerb, outcome: "ok" | "refused" | "failed", ms: number): void;
    onFailure(verb: CommandVerb, error: unknown): void;
  },
): CommandResponder {
  const underWay = new Set<Promise<void>>();
  const subscriptions: Subscription[] = Object.keys(options.handlers).map((verb) =>
    connection.nats.subscribe(commandSubject(verb), {
      queue: options.service,
      callback: (error, message) => {
        if (error !== null) return options.onFailure(verb as CommandVerb, error);
        const answering = answer(options, verb as CommandVerb, message).finally(() => underWay.delete(answering));
        underWay.add(answering);
      },
    }),
  );
  return {
    stop: async () => {
      await Promise.all(subscriptions.map((subscription) => subscription.drain()));
      await Promise.all(underWay);
    },
  };
}

async function answer(options: Parameters<typeof answerCommands>[1], verb: CommandVerb, message: Msg): Promise<void> {
  const startedAt = performance.now();
  const reply = (body: object, outcome: "ok" | "refused" | "failed") => {
    message.respond(JSON.stringify(body));
    options.onAnswer?.(verb, outcome, performance.now() - startedAt);
  };
  const request = readRequest(verb, message.string());
  if ("refusal" in request) return reply(request, "refused");
  try {
    const handle = options.handlers[verb] as (request: unknown) => Promise<object>;
    const result = await handle(request.value);
    if ("code" in result && "message" in result) return reply({ refusal: result }, "refused");
    return reply({ ok: true, ...result }, "ok");
  } catch (error) {
    options.onFailure(verb, error);
    const text = "The service could not do this now; nothing was changed. Send the command again in a moment.";
    return reply({ refusal: { code: "unavailable", message: text } }, "failed");
  }
}

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

const answerSchema = z.union([
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
  return answerSchema.parse(JSON.parse(text)) as CommandReply<V>;
}
