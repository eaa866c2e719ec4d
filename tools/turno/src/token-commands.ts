import type { Actor } from "@turno/contracts";
import { text as readAll } from "node:stream/consumers";
import process from "node:process";
import { ask, UsageFailure } from "./request.ts";
import { renderTable } from "./table.ts";
import type { Call, Command, CliOutcome } from "./call.ts";

/** Holds a token for `tokens set`. An argument would stand in the shell's history and in the list of processes. */
const TOKEN_VARIABLE = "TURNO_ACCESS_TOKEN";

const named = (actor: Actor) => (actor.kind === "agent" ? actor.agentId : actor.kind === "service" ? actor.name : "");

/** Reads a token from the environment, or from what is piped in. */
async function readToken(): Promise<string> {
  const given = process.env[TOKEN_VARIABLE] ?? "";
  if (given === "" && process.stdin.isTTY) {
    throw new UsageFailure(`the token is missing: pipe it in, or set ${TOKEN_VARIABLE}. It is never an argument`);
  }
  const token = (given === "" ? await readAll(process.stdin) : given).trim();
  if (token === "") throw new UsageFailure("the token is empty");
  return token;
}

function placeOf({ options, words }: Call) {
  if (words.length > 1) throw new UsageFailure("a token is never an argument, where others see it: revoke that one");
  const { account, channel } = options;
  if (account !== undefined && channel === undefined) return { scope: "account", key: account } as const;
  if (channel !== undefined && account === undefined) return { scope: "channel", key: channel } as const;
  throw new UsageFailure("say whose it is: --account <id> or --channel <id>");
}

async function handleTokens(call: Call): Promise<CliOutcome> {
  const { connection, actor, words } = call;
  const [verb = "list"] = words;
  if (verb === "set" || verb === "remove") {
    const place = placeOf(call);
    const token = verb === "set" ? await readToken() : null;
    const answer = await ask(connection, "set-access-token", { actor, ...place, token });
    const which = answer.fingerprint === null ? "no token of its own" : `the token ${answer.fingerprint}`;
    return { answer, text: `${answer.scope} ${answer.key} has ${which}; ${answer.channels} channels go by it` };
  }
  if (verb !== "list") throw new UsageFailure(`tokens lists, or knows set and remove, not "${verb}"`);
  const answer = await ask(connection, "list-access-tokens", { actor });
  const rows = answer.tokens.map(({ scope, key, fingerprint, keyId, setAt, setBy }) => [
    scope,
    key,
    fingerprint,
    keyId,
    setAt,
    named(setBy),
  ]);
  const others = answer.hasFallback ? "WHATSAPP_ACCESS_TOKEN" : "no token";
  const table = rows.length === 0 ? "nothing has a token of its own" : renderTable(HEADINGS, rows);
  return { answer, text: `${table}\nwhatever else there is: ${others}` };
}

const HEADINGS = ["scope", "id", "token", "key", "set", "by"];

async function handleKeys({ connection, actor, words }: Call): Promise<CliOutcome> {
  if (words[0] !== "rotate") throw new UsageFailure("keys knows rotate");
  const answer = await ask(connection, "rotate-token-keys", { actor });
  const lines = [
    `${answer.rotated} tokens encrypted again by ${answer.keyId}`,
    ...answer.unreadable.map(({ scope, key }) => `no key opens the token of ${scope} ${key}: set it again`),
    ...answer.left.map(({ keyId, tokens }) => `${tokens} tokens still need ${keyId}`),
  ];
  return { answer, text: lines.join("\n") };
}

/** Commands for access tokens and the keys that encrypt them. */
export const TOKEN_COMMANDS: Record<string, Command> = {
  tokens: {
    usage: "tokens [set --account <id> | set --channel <id> | remove --account <id> | remove --channel <id>]",
    summary: `access tokens of accounts and channels; set reads it from what is piped in, or from ${TOKEN_VARIABLE}`,
    run: handleTokens,
  },
  keys: { usage: "keys rotate", summary: "encrypt every access token again by the first key", run: handleKeys },
};
