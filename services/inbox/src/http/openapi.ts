import { KEY_HEADER } from "@turno/contracts";
import { z } from "zod";
import { ROUTES } from "./api.ts";
import { PROBLEMS } from "./problem.ts";
import type { Route } from "./route.ts";

type Json = Record<string, unknown>;

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { unrepresentable: "any", io }) as Json;
  return rest;
}

const PROBLEM = {
  type: "object",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string", description: "Where the code is explained" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "What happened, why, and what to do" },
    code: { type: "string", enum: Object.keys(PROBLEMS), description: "Stable: programs decide by it" },
    details: { type: "object", description: "Who and when, which fields, what is allowed" },
  },
};

/** The statuses that any route may answer with beside its own. */
const COMMON_STATUSES = [401, 403, 404, 409, 413, 415, 422, 429, 500, 503];

/** The OpenAPI 3.1 document, made of the same schemas that check the requests. */
export function writeOpenApi(): Json {
  const paths: Record<string, Json> = {};
  for (const route of ROUTES) (paths[route.path] ??= {})[route.method] = toOperation(route);
  paths["/v1/live"] = { get: LIVE };
  return {
    openapi: "3.1.1",
    info: {
      title: "Turno inbox",
      version: "1.0.0",
      description: "What agents, operators and admins do with conversations and tickets.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    tags: [...new Set(ROUTES.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      schemas: { Problem: PROBLEM },
      responses: { Problem: problemResponse() },
    },
  };
}

function toOperation(route: Route): Json {
  const { method, path, params, query, body, example } = route;
  return {
    operationId: operationId(method, path),
    summary: route.summary,
    tags: [route.tag],
    parameters: [
      ...parametersOf(params, "path", {}),
      ...(query === null ? [] : parametersOf(query, "query", example)),
      ...(body === null ? [] : [KEY]),
    ],
    ...(body === null
      ? {}
      : {
          requestBody: {
            required: false,
            content: { "application/json": { schema: schemaOf(body, "input"), example } },
          },
        }),
    responses: {
      200: { description: "Done", content: { "application/json": { schema: schemaOf(route.answer, "output") } } },
      ...Object.fromEntries(COMMON_STATUSES.map((status) => [status, { $ref: "#/components/responses/Problem" }])),
    },
  };
}

const KEY = {
  name: KEY_HEADER,
  in: "header",
  required: false,
  description:
    "A key of the caller's own, such as a UUID: a repetition under it gets the first answer and has no second effect, for " +
    "a day. `key-reused` (422) where the request is another one, `key-under-way` (409) while the first is being done. An " +
    "answer of 5xx is not kept: send the same again.",
  schema: { type: "string", minLength: 1, maxLength: 257 },
};

function operationId(method: string, path: string): string {
  const words = path.replace("/v1/", "").replaceAll(/[{}]/g, "").split(/[/-]/);
  return [method, ...words]
    .map((word, index) => (index === 0 ? word : word[0]?.toUpperCase() + word.slice(1)))
    .join("");
}

function parametersOf(schema: z.ZodObject, place: "path" | "query", example: Json): Json[] {
  return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, field]) => ({
    name,
    in: place,
    required: place === "path",
    schema: schemaOf(field, place === "query" ? "output" : "input"),
    ...(name in example ? { example: example[name] } : {}),
  }));
}

function problemResponse(): Json {
  return {
    description: "Why not (RFC 9457)",
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}

const LIVE = {
  operationId: "getLive",
  summary:
    "Server-sent events: own conversations and the queues of own groups; for operators all of their groups. " +
    "`Last-Event-ID` goes on from where the last connection ended, without a gap and without a repetition. The first event, " +
    "`ready`, says whether it does (`isContinued`): not without that header, nor after the database was restored. Then read again what you show.",
  tags: ["Conversations"],
  parameters: [{ name: "Last-Event-ID", in: "header", required: false, schema: { type: "string" } }],
  responses: {
    200: {
      description: "Events as in docs/events.md",
      content: { "text/event-stream": { schema: { type: "string" } } },
    },
    ...Object.fromEntries([401, 403, 422, 429].map((status) => [status, { $ref: "#/components/responses/Problem" }])),
  },
};
