import {
  COMMANDS,
  commandSubject,
  commandSubjects,
  maySpeakFor,
  NATS_USERS,
  OPEN_USER,
  replyPrefix,
  type Actor,
  type CommandVerb,
} from "@turno/contracts";
import { answerCommands, type Connection } from "@turno/messaging";
import { isRecord } from "@turno/whatsapp";
import { sampleRequest } from "../sample-request.ts";
import { promise, type FuzzTarget } from "../target.ts";

const VERBS = Object.keys(COMMANDS) as CommandVerb[];
/** Twenty faults, each with its field and its rule, in words and again as details. */
const REFUSAL_LENGTH_MAX = 40_000;
const CHOICES = 9;

interface Asked {
  verb: CommandVerb;
  user: string;
  reply: string;
  key: string;
}

/** A service that answers every command with what it was asked, on a broker of which only the subscription is there. */
function createService() {
  const callbacks = new Map<string, (error: null, message: object) => void>();
  const subscribe = (subject: string, { callback }: { callback: (error: null, message: object) => void }) => {
    callbacks.set(subject, callback);
    return { drain: () => Promise.resolve() };
  };
  const handled: { verb: CommandVerb; request: { actor: Actor } }[] = [];
  const troubles: unknown[] = [];
  const handlers = Object.fromEntries(
    VERBS.map((verb) => [
      verb,
      (request: { actor: Actor }) => {
        handled.push({ verb, request });
        return Promise.resolve({ asked: request });
      },
    ]),
  );
  const responder = answerCommands(
    { isConnected: true, user: "router", nats: { subscribe } } as unknown as Connection,
    {
      service: "fuzz",
      handlers,
      // What has a key is compared by its text.
      once: ({ request }, run) => Promise.resolve(JSON.stringify(request)).then(run),
      onFailure: (_verb, error) => troubles.push(error),
      onDefect: (_verb, error) => troubles.push(error),
    },
  );
  const ask = async ({ verb, user, reply, key }: Asked, text: string) => {
    const replies: string[] = [];
    const headers = { get: () => key };
    const message = {
      subject: commandSubject(verb, user),
      reply,
      headers,
      string: () => text,
      respond: (answer: string) => replies.push(answer),
    };
    callbacks.get(commandSubjects(verb))?.(null, message);
    await responder.stop();
    return { replies, handled: handled.splice(0), troubles: troubles.splice(0) };
  };
  return { ask };
}

export function createCommandTarget(): FuzzTarget {
  const { ask } = createService();
  return {
    name: "command",
    reads: "a command as it comes from NATS",
    seeds: () =>
      VERBS.flatMap((verb) =>
        Array.from({ length: CHOICES }, (_, choice) => {
          const head = {
            verb,
            user: choice % 3 === 0 ? NATS_USERS[choice % NATS_USERS.length] : OPEN_USER,
            reply: "1",
            key: choice % 2 === 0 ? "" : "k",
          };
          return Buffer.from(`${JSON.stringify(head)}\n${JSON.stringify(sampleRequest(verb, choice))}`);
        }),
      ),
    async execute(input) {
      const text = new TextDecoder().decode(input);
      const end = text.indexOf("\n");
      const asked = readHead(text.slice(0, Math.max(0, end)));
      const { replies, handled, troubles } = await ask(asked, text.slice(end + 1));
      if (!asked.reply.startsWith(`${replyPrefix(asked.user)}.`)) {
        promise(replies.length === 0 && handled.length === 0, "what would be answered elsewhere is answered or done");
        return ["stray"];
      }
      if (troubles.length > 0) throw troubles[0];
      promise(replies.length === 1, "a command is not answered once");
      const reply = JSON.parse(replies[0] ?? "") as { ok?: true; refusal?: { code: string; message: string } };
      if (reply.refusal !== undefined) return requireRefusal(asked, reply.refusal, replies[0] ?? "", handled.length);
      return requireHandled(asked, handled);
    },
  };
}

function readHead(line: string): Asked {
  let head: unknown = null;
  try {
    head = JSON.parse(line);
  } catch {
    // Without a head it is a command of nobody.
  }
  const given = isRecord(head) ? head : {};
  const textOf = (name: string, otherwise: string) => (typeof given[name] === "string" ? given[name] : otherwise);
  const verb = VERBS.find((known) => known === given["verb"]) ?? "list-groups";
  // A token of a subject has no dot and no space, and is never empty.
  const user = textOf("user", OPEN_USER).replaceAll(/[.\s\0]/g, "") || OPEN_USER;
  const reply = textOf("reply", "");
  return { verb, user, reply: /^\d+$/.test(reply) ? `${replyPrefix(user)}.${reply}` : reply, key: textOf("key", "") };
}

function requireRefusal(
  { verb }: Asked,
  refusal: { code: string; message: string },
  text: string,
  handled: number,
): string[] {
  promise(handled === 0, "a command is refused and done");
  promise(["invalid", "not-permitted"].includes(refusal.code), "a command is refused for another reason than its own");
  promise(text.length <= REFUSAL_LENGTH_MAX, "a refusal has no bound");
  return [`${verb} ${refusal.code} ${/: ([A-Z][a-z ]+)/.exec(refusal.message)?.[1]?.slice(0, 30) ?? ""}`];
}

function requireHandled(
  { verb, user }: Asked,
  handled: readonly { verb: CommandVerb; request: { actor: Actor } }[],
): string[] {
  const [done] = handled;
  promise(handled.length === 1 && done?.verb === verb, "a command is not done once, by its own handler");
  promise(maySpeakFor(user, done.request.actor), "a command is done for somebody whom its user may not speak for");
  const again = COMMANDS[done.verb].request.safeParse(JSON.parse(JSON.stringify(done.request)));
  promise(again.success, "a request that was read is not one when it is written again");
  promise(
    JSON.stringify(again.data) === JSON.stringify(done.request),
    "a request that is written again is another one",
  );
  requireStorable(done.request);
  return [`${verb} ok ${user === OPEN_USER ? "open" : ""}`];
}

/** Throws where a text of a request cannot be stored. */
function requireStorable(request: object): void {
  const waiting: unknown[] = [request];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value === "string")
      promise(!value.includes("\0") && value.isWellFormed(), "a text of a request cannot be stored");
    else if (typeof value === "object" && value !== null)
      waiting.push(...Object.keys(value), ...(Object.values(value) as unknown[]));
  }
}
