import {
  callerKeySchema,
  COMMANDS,
  commandSubject,
  commandSubjects,
  describeFaults,
  findUnstorable,
  KEY_HEADER,
  maySpeakFor,
  replyPrefix,
  type Actor,
  type CommandAnswer,
  type CommandInput,
  type CommandReply,
  type CommandRequest,
  type CommandVerb,
  type RefusalAnswer,
} from "@turno/contracts";
import { Failure, isDefect, isUndone } from "@turno/runtime";
import { headers, type Subscription } from "nats";
import { z } from "zod";
import { BrokerFailure, asBrokerFailure, type Connection } from "./connection.ts";

/** What answers a command: its answer, or the refusal of a rule. What it throws is a failure of the world, or a defect. */
export type CommandHandlers = {
  [V in CommandVerb]?: (request: CommandRequest<V>) => Promise<CommandAnswer<V> | RefusalAnswer>;
};

/** A command took longer than its caller waits. It may still take effect. */
export class LateFailure extends Failure {}

/** A command that is left out, because its answer would go to where its sender does not listen. */
class StrayReplyFailure extends Failure {
  override readonly retryable = false;

  constructor(user: string, reply: string | undefined) {
    super(`the answer to ${user} would go to ${reply ?? "nowhere"}, and not below ${replyPrefix(user)}`);
  }
}

export interface CommandResponder {
  /**
   * Sends a command for somebody else: to this process's own handler where it has one, else over the broker to the service
   * that owns it. Both are checked, counted, told and answered alike. Throws a `LateFailure` where its own handler has not
   * answered after `timeoutMs`, and a `BrokerFailure` as `requestCommand` does.
   */
  request: <V extends CommandVerb>(
    verb: V,
    input: CommandInput<V>,
    options: RequestOptions,
  ) => Promise<CommandReply<V>>;
  /** Takes no new command, finishes those under way. */
  stop(): Promise<void>;
}

/** How a command is sent. */
export interface RequestOptions {
  timeoutMs: number;
  /** The caller's own key: a repetition under it gets the first answer. */
  key?: string | undefined;
}

export interface ResponderOptions {
  service: string;
  handlers: CommandHandlers;
  /** Answers a command that came with its caller's key: once, whatever is repeated. */
  once: (
    command: { verb: CommandVerb; key: string; actor: Actor; request: object },
    run: () => Promise<object>,
  ) => Promise<object>;
  /** Waits until a command may begin; the caller then says when it has ended. */
  admit?: () => Promise<() => void>;
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
  const begin = (verb: CommandVerb, asked: Asked, respond: (text: string) => void) => {
    const answering = answer(options, verb, asked, respond).finally(() => underWay.delete(answering));
    underWay.add(answering);
  };
  const subscriptions: Subscription[] = Object.keys(options.handlers).map((verb) =>
    connection.nats.subscribe(commandSubjects(verb), {
      queue: options.service,
      callback: (error, message) => {
        if (error !== null) {
          return options.onFailure(verb as CommandVerb, asBrokerFailure("commands cannot be listened to", error));
        }
        const user = message.subject.split(".").at(-1) ?? "";
        // A service's answer would be published with the service's rights, wherever it goes.
        if (message.reply?.startsWith(`${replyPrefix(user)}.`) !== true) {
          options.onAnswer?.(verb as CommandVerb, "stray", 0);
          return options.onFailure(verb as CommandVerb, new StrayReplyFailure(user, message.reply));
        }
        const key = message.headers?.get(KEY_HEADER) ?? "";
        const asked = { text: message.string(), key: key === "" ? undefined : key, user };
        begin(verb as CommandVerb, asked, (text) => message.respond(text));
      },
    }),
  );
  return {
    request: async <V extends CommandVerb>(verb: V, input: CommandInput<V>, { timeoutMs, key }: RequestOptions) => {
      if (options.handlers[verb] === undefined) return requestCommand(connection, verb, input, { timeoutMs, key });
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const timer = setTimeout(() => reject(new LateFailure(`${verb} took longer than ${timeoutMs} ms`)), timeoutMs);
      begin(verb, { text: JSON.stringify(input), key, user: null }, resolve);
      return readReply<V>(await promise.finally(() => clearTimeout(timer)));
    },
    stop: async () => {
      await Promise.all(subscriptions.map((subscription) => subscription.drain()));
      await Promise.all(underWay);
    },
  };
}

/** A command as it came. */
interface Asked {
  text: string;
  key: string | undefined;
  /** The broker's user who sent it; null where this process asks itself. */
  user: string | null;
}

type Outcome = "ok" | "refused" | "failed" | "defect" | "stray";

async function answer(
  options: ResponderOptions,
  verb: CommandVerb,
  asked: Asked,
  respond: (text: string) => void,
): Promise<void> {
  const startedAt = performance.now();
  const { text, outcome } = await handle(options, verb, asked);
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
  asked: Asked,
): Promise<{ text: string; outcome: Outcome }> {
  try {
    const request = readRequest(verb, asked);
    if ("refusal" in request) return { text: JSON.stringify(request), outcome: "refused" };
    const result = await run(options, verb, request.value, asked.key);
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

async function run(
  { handlers, once, admit }: ResponderOptions,
  verb: CommandVerb,
  request: { actor: Actor },
  key: string | undefined,
): Promise<object> {
  const leave = await admit?.();
  try {
    const handler = handlers[verb] as (request: object) => Promise<object>;
    if (key === undefined) return await handler(request);
    return await once({ verb, key, actor: request.actor, request }, () => handler(request));
  } finally {
    leave?.();
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

function readRequest(
  verb: CommandVerb,
  { text, key, user }: Asked,
): { value: { actor: Actor } } | { refusal: RefusalAnswer } {
  const rightKey = callerKeySchema.optional().safeParse(key);
  if (!rightKey.success) {
    const rule = rightKey.error.issues.map(({ message }) => message).join("; ");
    const faults = [{ field: KEY_HEADER, rule }];
    return {
      refusal: { code: "invalid", message: `The command is not valid: ${KEY_HEADER}: ${rule}`, details: { faults } },
    };
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    return { refusal: { code: "invalid", message: `The command is not JSON: ${(error as Error).message}` } };
  }
  const unstorable = findUnstorable(body);
  const parsed = unstorable === null ? COMMANDS[verb].request.safeParse(body) : null;
  if (parsed?.success === true) return refuseToSpeak(user, parsed.data.actor) ?? { value: parsed.data };
  const issues = parsed?.error.issues ?? (unstorable === null ? [] : [unstorable]);
  const { message, faults } = describeFaults(issues, "command", "body");
  return { refusal: { code: "invalid", message, details: { faults } } };
}

/** Who asks is what the subject says, and not what the command says. */
function refuseToSpeak(user: string | null, actor: Actor): { refusal: RefusalAnswer } | null {
  if (user === null || maySpeakFor(user, actor)) return null;
  const rule = `the broker's user ${user} asks for itself alone: {"kind":"service","name":"${user}"}`;
  const details = { faults: [{ field: "actor", rule }] };
  return {
    refusal: { code: "not-permitted", message: `This command is not for ${user} to send: actor: ${rule}`, details },
  };
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
  options: RequestOptions = { timeoutMs: 5_000 },
): Promise<CommandReply<V>> {
  if (!connection.isConnected) throw new BrokerFailure("the broker is away");
  const subject = commandSubject(verb, connection.user);
  let text: string;
  try {
    const message = await connection.nats.request(subject, JSON.stringify(input), {
      timeout: options.timeoutMs,
      ...(options.key === undefined ? {} : { headers: keyHeaders(options.key) }),
    });
    text = message.string();
  } catch (error) {
    throw asBrokerFailure(`nobody answers ${subject}: is the service that owns it running?`, error);
  }
  return readReply<V>(text);
}

function keyHeaders(key: string) {
  const given = headers();
  given.set(KEY_HEADER, key);
  return given;
}

function readReply<V extends CommandVerb>(text: string): CommandReply<V> {
  return replySchema.parse(JSON.parse(text)) as CommandReply<V>;
}
