import { COMMANDS, type CommandVerb } from "@turno/contracts";
import { z } from "zod";

interface Schema {
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  type?: string;
  format?: string;
  pattern?: string;
  minLength?: number;
  minimum?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
}

const UUID = "01890a5d-ac96-774b-bcce-b302099a8057";
const TEXTS: Record<string, string> = {
  uuid: UUID,
  uri: "https://example.com/a",
  "date-time": "2026-01-31T12:00:00.123Z",
};

/** Returns a request that has every member of a command's schema. `choice` takes another branch where it has several. */
export function sampleRequest(verb: CommandVerb, choice: number): unknown {
  const schema = z.toJSONSchema(COMMANDS[verb].request, { io: "input", unrepresentable: "any" }) as Schema;
  return sampleOf(schema, choice);
}

function sampleOf(schema: Schema, choice: number): unknown {
  if ("const" in schema) return schema.const;
  if (schema.enum !== undefined) return schema.enum[choice % schema.enum.length];
  const branches = schema.oneOf ?? schema.anyOf;
  const branch = branches?.[choice % branches.length];
  if (branch !== undefined) return sampleOf(branch, choice);
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, sampleOf(inner, choice)]),
      );
    case "array":
      return [sampleOf(schema.items ?? {}, choice)];
    case "integer":
    case "number":
      return Math.max(1, schema.minimum ?? 1);
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return TEXTS[schema.format ?? ""] ?? "abc".padEnd(schema.minLength ?? 1, "x");
  }
}
