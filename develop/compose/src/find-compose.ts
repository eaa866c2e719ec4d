import { findDebianProgram } from "@turno/servers";
import { run } from "./run.ts";

interface Compose {
  command: readonly string[];
  version: string;
}

async function readVersion(command: readonly string[]): Promise<string | null> {
  const said = await run([...command, "version", "--short"]).catch(() => "");
  const version = /^v?(\d+\.\d+\.\d+\S*)/.exec(said.trim())?.[1];
  // Version 1 is another program, which does not know today's files.
  return version === undefined || version.startsWith("1.") ? null : version;
}

/** Finds Compose 2 or newer: `docker compose`, a program of its own, or Debian's package unpacked into the cache. */
export async function findCompose(): Promise<Compose> {
  for (const command of [["docker", "compose"], ["docker-compose"]]) {
    const version = await readVersion(command);
    if (version !== null) return { command, version };
  }
  const command = [
    await findDebianProgram({
      package: "docker-compose",
      paths: ["usr/libexec/docker/cli-plugins/docker-compose"],
    }),
  ];
  const version = await readVersion(command);
  if (version === null) throw new Error("Debian's docker-compose is not Compose 2 or newer: install Docker's own");
  return { command, version };
}
