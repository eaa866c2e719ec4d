import { pickFreePort, ROOT } from "@turno/servers";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "./engine.ts";
import { listContainers, type Container } from "./containers.ts";
import { keepHealthy, waitUntilHealthy } from "./health.ts";
import { run } from "./run.ts";

const PROJECT = "turno-proof";

/** The stack of `docker-compose.yml`, under a project name, ports and secrets of its own. */
export interface ComposeStack {
  gatewayUrl: string;
  inboxUrl: string;
  secretOf: (key: string) => string;
  /** Runs Compose; health checks go on meanwhile, because `up` waits for them. */
  compose: (...args: string[]) => Promise<string>;
  /** Runs a program in the first container of a service. */
  execute: (service: string, command: readonly string[], environment?: Record<string, string>) => Promise<string>;
  /** Asks the database in its container and returns the rows as text. */
  query: (sql: string) => Promise<string[]>;
  services: () => Promise<string[]>;
  containers: () => Promise<Container[]>;
  /** Waits until all containers run and are healthy, but those that end by themselves. */
  waitUntilHealthy: () => Promise<void>;
}

/** Makes up a value for everything that the file says has no default. */
async function makeEnvironment(engine: Engine): Promise<Record<string, string>> {
  const text = await readFile(join(ROOT, "docker-compose.yml"), "utf8");
  const required = [...text.matchAll(/\$\{([A-Z_]+):\?/g)].map(([, key = ""]) => key);
  const values = Object.fromEntries(required.map((key) => [key, `n${randomBytes(16).toString("hex")}`]));
  // What a shell or a file .env says must not reach the proof.
  const kept = ["PATH", "HOME", "DOCKER_HOST", "DOCKER_BUILDKIT", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"];
  const environment = Object.fromEntries(kept.flatMap((key) => [[key, engine.environment[key] ?? ""]]));
  for (const key of kept) if (environment[key] === "") delete environment[key];
  return {
    ...environment,
    ...values,
    // Nothing of a proof leaves the machine.
    GRAPH_URL: "http://127.0.0.1:8079",
    AUTH_ISSUER: "https://issuer.example",
    AUTH_JWKS_URL: "https://issuer.example/keys",
    PUBLIC_URL: "https://inbox.example",
    GATEWAY_PORT: String(await pickFreePort()),
    INBOX_PORT: String(await pickFreePort()),
  };
}

export async function createStack(engine: Engine): Promise<ComposeStack> {
  const environment = await makeEnvironment(engine);
  const compose = [...engine.compose, "--project-name", PROJECT, "--env-file", "/dev/null"];
  const containers = () => listContainers(engine, PROJECT);
  const execute: ComposeStack["execute"] = async (service, command, more = {}) => {
    const container = (await containers()).find((one) => one.service === service && one.isRunning);
    if (container === undefined) throw new Error(`no container of ${service} runs`);
    const given = Object.entries(more).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
    return run([engine.program, "exec", ...given, container.id, ...command]);
  };
  return {
    gatewayUrl: `http://127.0.0.1:${environment["GATEWAY_PORT"]}`,
    inboxUrl: `http://127.0.0.1:${environment["INBOX_PORT"]}`,
    secretOf: (key) => environment[key] ?? "",
    compose: (...args) => keepHealthy(engine, containers, run([...compose, ...args], environment)),
    execute,
    query: async (sql) => {
      const command = [
        "psql",
        "--host=127.0.0.1",
        "--username=turno",
        "--no-align",
        "--tuples-only",
        `--command=${sql}`,
      ];
      const said = await execute("postgres", command, { PGPASSWORD: environment["POSTGRES_PASSWORD"] ?? "" });
      return said.split("\n").filter((line) => line !== "");
    },
    services: async () => (await run([...compose, "config", "--services"], environment)).trim().split("\n"),
    containers,
    waitUntilHealthy: () => waitUntilHealthy(engine, containers),
  };
}
