// Refuses an overlay's settings.env and secrets.env while they hold what the example holds:
// `node deploy/kubernetes/check-values.mjs <folder>`, from the root. It names keys, and no value.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const EXAMPLE = new URL("example/", import.meta.url);
/** nats-server reads digits alone as a number, and both servers' addresses hold passwords as they are. */
const RULES = [
  {
    keys: /^NATS_PASSWORD_/,
    rule: /^[A-Za-z][A-Za-z0-9]{15,}$/,
    says: "is not 16 or more letters and digits, a letter first",
  },
  { keys: /^POSTGRES_PASSWORD/, rule: /^[A-Za-z0-9]{16,}$/, says: "is not 16 or more letters and digits" },
];
/** Those of AUTH_ are for callers of the API alone. */
const SETTINGS_WITH_DEFAULT = [
  "LOG_LEVEL",
  "GRAPH_URL",
  "GRAPH_VERSION",
  "AUTH_ISSUER",
  "AUTH_AUDIENCE",
  "AUTH_JWKS_URL",
];

/** @param {string | URL} path */
function readValues(path) {
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]));
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {string} exampleName
 * @param {boolean} isSecret
 */
function listFaults(folder, name, exampleName, isSecret) {
  const values = readValues(join(folder, name));
  const example = readValues(new URL(exampleName, EXAMPLE));
  const faults = [...values.keys()].filter((key) => !example.has(key)).map((key) => `${key}: nothing reads it`);
  for (const [key, shown] of example) {
    const value = values.get(key);
    const hasDefault = SETTINGS_WITH_DEFAULT.includes(key);
    if (value === undefined || value === "") {
      if (!hasDefault) faults.push(`${key}: is missing`);
    } else if (value === shown && !hasDefault) {
      faults.push(`${key}: still has the example's value`);
    } else {
      for (const { keys, rule, says } of RULES) if (keys.test(key) && !rule.test(value)) faults.push(`${key}: ${says}`);
      const twin = [...values].find(([other, text]) => isSecret && other < key && text === value)?.[0];
      if (twin !== undefined) faults.push(`${key}: is the same as ${twin}`);
    }
  }
  return faults.map((fault) => `${name}: ${fault}`);
}

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write("usage: node deploy/kubernetes/check-values.mjs <folder of the overlay>\n");
  process.exit(2);
}
const faults = [
  ...listFaults(folder, "settings.env", "settings.env", false),
  ...listFaults(folder, "secrets.env", "secrets.example.env", true),
];
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exit(faults.length === 0 ? 0 : 1);
