import { ROOT } from "@turno/servers";
import { Ajv } from "ajv";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";

/** Returns the JSON schema of the Compose specification, which the linter `dclint` ships and keeps current. */
function readSchema(): object {
  const folder = dirname(createRequire(import.meta.url).resolve("dclint/package.json"));
  return JSON.parse(readFileSync(join(folder, "schemas", "compose.schema.json"), "utf8")) as object;
}

// The schema names its dialect by an address that Ajv does not know as its own default.
const ajv = new Ajv({ strict: false, validateSchema: false, allErrors: true });
const { $schema: _dialect, ...schema } = readSchema() as { $schema: string };
const validate = ajv.compile(schema);
const text = readFileSync(`${ROOT}/docker-compose.yml`, "utf8");

function listFaults(yaml: string): string[] {
  validate(parse(yaml, { merge: true }));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ""}`);
}

it("every value of docker-compose.yml is what the Compose specification allows", () => {
  expect(listFaults(text)).toEqual([]);
});

it("a value that YAML reads as something else is found, wherever it stands", () => {
  const unquoted = text.replace("[CMD, node, deploy/is-ready.mjs]", "[CMD, node, -e, ready ? 0: 1]");
  expect(listFaults(unquoted)).toContain("/services/gateway/healthcheck/test/3 must be string");
  expect(listFaults(text.replace("shm_size: 256mb", "shm_size: [256mb]"))).not.toEqual([]);
  expect(listFaults(text.replace("service_healthy", "healthy"))).not.toEqual([]);
});
