import { ROOT } from "@turno/servers";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "./engine.ts";
import { run } from "./run.ts";
import type { ComposeStack } from "./stack.ts";

export interface Row {
  name: string;
  seen: string;
}

const README = join(ROOT, "deploy", "README.md");
const BEGIN = "<!-- written by npm run compose-proof -->";
const END = "<!-- end -->";

/** Returns what ran, as it says itself: the images' own words tell a stand-in from an official one. */
export async function readVersions(engine: Engine, stack: ComposeStack): Promise<string[]> {
  const say = async (service: string, command: readonly string[]) => (await stack.execute(service, command)).trim();
  const system = async (service: string) =>
    /^PRETTY_NAME="?(.*?)"?$/m.exec(await say(service, ["cat", "/etc/os-release"]))?.[1] ?? "an unknown system";
  return [
    `${engine.name}, Compose ${engine.composeVersion}`,
    `commit ${(await run(["git", "rev-parse", "--short", "HEAD"])).trim()}`,
    `Node ${await say("gateway", ["node", "--version"])} on ${await system("gateway")}`,
    `${(await say("nats", ["nats-server", "--version"])).replace(": v", " ")} on ${await system("nats")}`,
    `Postgres ${(await stack.query("show server_version")).join()} on ${await system("postgres")}`,
  ];
}

/** Puts the table in place of the last one. */
export async function writeResult(versions: readonly string[], rows: readonly Row[]): Promise<void> {
  const text = await readFile(README, "utf8");
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`deploy/README.md lacks "${BEGIN}" or "${END}"`);
  const date = new Date().toISOString().slice(0, 10);
  const table = ["| step | seen |", "| --- | --- |", ...rows.map(({ name, seen }) => `| ${name} | ${seen} |`)];
  const result = `${date}: ${versions.join("; ")}.\n\n${table.join("\n")}`;
  await writeFile(README, `${before}${BEGIN}\n\n${result}\n\n${END}${after}`);
  await run(["oxfmt", "deploy/README.md"]);
}
