import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What our own log lines hold in numbers that are no phone's: instants, and ids of Meta's that name the business. */
const HARMLESS = [
  /"(?:time|phoneNumberId|phone_number_id|accountId|account_id)":"?\d+"?/g,
  /\baccount \d+/g,
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
];

const SECRETS: readonly [what: string, pattern: RegExp][] = [
  ["a token", /\beyJ[\w-]{10,}\.[\w-]{10,}|\bBearer\s+[\w.-]{8,}|\bEAA[0-9A-Za-z]{8,}/],
  ["a phone number", /(?<![\w.])\+?\d{10,15}(?![\w.])/],
  ["a message's text", /\bHola\b|\\?"body\\?":\s*\\?"|\\?"caption\\?":/],
];

/** What a log must never hold and this one does: tokens, phone numbers, texts of customers and agents. */
export function findSecrets(log: string): string[] {
  const rest = HARMLESS.reduce((text, pattern) => text.replaceAll(pattern, ""), log);
  return SECRETS.filter(([, pattern]) => pattern.test(rest)).map(([what]) => what);
}

/** Looks through the logs of all services that a test run started. Gives a line for each secret, without the secret. */
export async function auditLogs(folder: string): Promise<string[]> {
  const faults: string[] = [];
  for (const name of await readdir(folder)) {
    const log = await readFile(join(folder, name), "utf8");
    for (const line of log.split("\n")) {
      for (const what of findSecrets(line)) faults.push(`${name}: ${what} in a line that says ${messageOf(line)}`);
    }
  }
  return [...new Set(faults)];
}

function messageOf(line: string): string {
  try {
    return JSON.stringify((JSON.parse(line) as { msg?: unknown }).msg ?? null);
  } catch {
    // Not a line of our logger, for instance what Node prints about a crash.
    return "something that is no JSON";
  }
}
