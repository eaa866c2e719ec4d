import { COMMANDS, type CommandVerb } from "@turno/contracts";
import type { Asker, Refusal } from "@turno/conversation";
import type { Sql } from "@turno/database";
import { z } from "zod";

export type Method = "get" | "post" | "patch";
export type AgentAsker = Extract<Asker, { kind: "agent" }>;
type Values = Record<string, unknown>;

interface CommonRoute {
  method: Method;
  /** Path parameters in braces. */
  path: string;
  summary: string;
  tag: string;
  params: z.ZodObject;
  query: z.ZodObject | null;
  body: z.ZodObject | null;
  answer: z.ZodType;
  /** A body (or query) that is valid; the documentation shows it, and a test sends it. */
  example: Values;
}

/** Sends the command of the same name to the service that owns it. */
export interface CommandRoute extends CommonRoute {
  verb: CommandVerb;
  /** The command's fields beside its actor. */
  toInput: (values: { params: Values; given: Values; agentId: string }) => Values;
}

/** Reads from Postgres. */
export interface ReadRoute extends CommonRoute {
  verb: null;
  read: (sql: Sql, asker: AgentAsker, values: { params: Values; given: Values }) => Promise<object | Refusal>;
}

export type Route = CommandRoute | ReadRoute;

const PARAMETERS: Record<string, z.ZodType> = {
  ticket: z
    .union([z.uuid(), z.string().regex(/^[1-9]\d{0,14}$/)])
    .describe("A ticket's id or number")
    .meta({ example: "1" }),
};
const idParameter = z.uuid();

/** The parameters that a path names; all are ids but those above. */
function paramsOf(path: string): z.ZodObject {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  return z.object(Object.fromEntries(names.map((name) => [name, PARAMETERS[name] ?? idParameter])));
}

/** A command's request without what the token and the path say; what is not of it is refused. */
export function bodyOf(verb: CommandVerb, without: readonly string[]): z.ZodObject {
  const shape: Record<string, z.ZodType> = COMMANDS[verb].request.shape;
  const kept = Object.entries(shape).filter(([name]) => name !== "actor" && !without.includes(name));
  return z.strictObject(Object.fromEntries(kept));
}

/** A route of a command. The path's parameters and the body's fields are the command's, unless `toInput` says otherwise. */
export function command(
  verb: CommandVerb,
  method: Method,
  path: string,
  options: {
    tag: string;
    body?: z.ZodObject;
    query?: z.ZodObject;
    example?: Values;
    toInput?: CommandRoute["toInput"];
  },
): CommandRoute {
  const params = paramsOf(path);
  const takesBody = method !== "get";
  return {
    verb,
    method,
    path,
    params,
    summary: COMMANDS[verb].summary,
    tag: options.tag,
    query: options.query ?? null,
    body: takesBody ? (options.body ?? bodyOf(verb, Object.keys(params.shape))) : null,
    answer: COMMANDS[verb].answer,
    example: options.example ?? {},
    toInput: options.toInput ?? (({ params: fromPath, given }) => ({ ...fromPath, ...given })),
  };
}

/** A route that reads. */
export function reading(
  path: string,
  options: {
    tag: string;
    summary: string;
    query?: z.ZodObject;
    answer: z.ZodType;
    example?: Values;
    read: ReadRoute["read"];
  },
): ReadRoute {
  const { tag, summary, query = null, answer, example = {}, read } = options;
  return {
    verb: null,
    method: "get",
    path,
    params: paramsOf(path),
    summary,
    tag,
    query,
    body: null,
    answer,
    example,
    read,
  };
}
