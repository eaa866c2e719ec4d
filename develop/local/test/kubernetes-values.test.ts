import { ROOT } from "@turno/servers";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { KUBERNETES_FOLDER, readFromRoot, secretFor } from "./kubernetes/example.ts";

const EXAMPLE = "deploy/kubernetes/example";
const folder = mkdtempSync(join(tmpdir(), "turno-values-"));
afterAll(() => rmSync(folder, { recursive: true }));

const filledSettings = readFromRoot(`${EXAMPLE}/settings.env`).replaceAll("example.org", "company.test");
const filledSecrets = readFromRoot(`${EXAMPLE}/secrets.example.env`).replaceAll(
  /^(\w+)=.*$/gm,
  (_line, key: string) => `${key}=${secretFor(key)}`,
);

/** Runs the check on an overlay with these two files, and returns its complaints and its exit code. */
function check(settings: string, secrets: string): { code: number | null; faults: string[] } {
  writeFileSync(join(folder, "settings.env"), settings);
  writeFileSync(join(folder, "secrets.env"), secrets);
  const { status, stderr } = spawnSync(process.execPath, [`${KUBERNETES_FOLDER}/check-values.mjs`, folder], {
    encoding: "utf8",
    cwd: ROOT,
  });
  return { code: status, faults: stderr.split("\n").filter((line) => line !== "") };
}

it("takes values of one's own", () => {
  expect(check(filledSettings, filledSecrets)).toEqual({ code: 0, faults: [] });
});

it("refuses every value of the example that nobody can know beforehand", () => {
  const { code, faults } = check(
    readFromRoot(`${EXAMPLE}/settings.env`),
    readFromRoot(`${EXAMPLE}/secrets.example.env`),
  );
  expect(code).toBe(1);
  expect(faults.filter((fault) => !fault.endsWith("still has the example's value"))).toEqual([]);
  expect(faults).toHaveLength(2 + filledSecrets.trim().split("\n").length);
});

it("refuses what is missing, misspelt, in a wrong form or twice there, and shows no value", () => {
  const wrong = filledSecrets
    .replace(/^NATS_PASSWORD_ROUTER=.*$/m, "NATS_PASSWORD_ROUTER=1234567890123456")
    .replace(/^POSTGRES_PASSWORD_INBOX=.*$/m, "POSTGRES_PASSWORD_INBOX=with-a-dash-in-it-or-two")
    .replace(/^NATS_PASSWORD_CLI=.*$/m, "NATS_PASSWORD_CLI=npostgrespassword")
    .replace(/^WHATSAPP_ACCESS_TOKEN=.*$/m, "WHATSAPP_TOKEN=secret");
  expect(check(filledSettings.replace(/^PUBLIC_URL=.*$/m, "PUBLIC_URL="), wrong)).toEqual({
    code: 1,
    faults: [
      "settings.env: PUBLIC_URL: is missing",
      "secrets.env: WHATSAPP_TOKEN: nothing reads it",
      "secrets.env: WHATSAPP_ACCESS_TOKEN: is missing",
      "secrets.env: POSTGRES_PASSWORD: is the same as NATS_PASSWORD_CLI",
      "secrets.env: POSTGRES_PASSWORD_INBOX: is not 16 or more letters and digits",
      "secrets.env: NATS_PASSWORD_ROUTER: is not 16 or more letters and digits, a letter first",
    ],
  });
});
