import { NATS_USERS, passwordKey } from "@turno/contracts";
import { DATABASE_SERVICES, roleOf, rolePasswordKey } from "@turno/database";
import { ROOT } from "@turno/servers";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";

interface Service {
  image?: string;
  build?: { dockerfile: string; args: Record<string, string> };
  user: string;
  read_only: boolean;
  cap_drop: string[];
  security_opt: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  entrypoint?: string[];
  command?: string[];
  restart?: string;
  profiles?: string[];
  networks?: string[];
  healthcheck?: { test: string[]; start_period: string };
  depends_on?: Record<string, { condition: string }>;
  stop_signal?: string;
  stop_grace_period?: string;
}

const text = readFileSync(`${ROOT}/docker-compose.yml`, "utf8");
const compose = parse(text, { merge: true }) as {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, object>;
};
const natsConfig = readFileSync(`${ROOT}/deploy/nats/nats.conf`, "utf8");
const dockerfile = readFileSync(`${ROOT}/deploy/Dockerfile`, "utf8");

/** These do one thing, and end. */
const TOOLS = ["setup", "cli"];
const ONE_SHOTS = ["nats-volume", "migrator", ...TOOLS];
const SERVICES = ["provisioner", "gateway", "router", "session-tracker", "sender", "inbox"];
const longRunning = Object.entries(compose.services).filter(([name]) => !ONE_SHOTS.includes(name));

function service(name: string): Service {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
}

describe("docker-compose.yml", () => {
  it("runs every service, Postgres 18 and NATS 2.15", () => {
    const ours = [...SERVICES, "migrator"];
    expect(readdirSync(`${ROOT}/services`).toSorted()).toEqual(ours.toSorted());
    expect(Object.keys(compose.services).toSorted()).toEqual(
      [...ours, ...TOOLS, "nats", "nats-volume", "postgres"].toSorted(),
    );
    expect(service("postgres").image).toBe("${POSTGRES_IMAGE:-postgres:18}");
    for (const name of ["nats", "nats-volume"]) {
      expect(service(name).image).toBe("${NATS_IMAGE:-nats:2.15-alpine}");
    }
    for (const name of ours) {
      expect(service(name).build?.args).toEqual({ SERVICE: name, NODE_IMAGE: "${NODE_IMAGE:-node:24-slim}" });
    }
  });

  it.each(longRunning)(
    "%s is not root, cannot write to its image and has no capabilities",
    (_name, { user, ...rest }) => {
      expect(user).not.toMatch(/^(root|0)(:|$)/);
      expect(rest).toMatchObject({
        read_only: true,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
        restart: "unless-stopped",
      });
    },
  );

  it.each(longRunning)("%s tells whether it is healthy", (_name, { healthcheck }) => {
    expect(healthcheck?.test[0]).toBe("CMD");
  });

  it.each(["postgres", "nats"])("%s may read its disk for minutes after a power cut before it is given up", (name) => {
    expect(service(name).healthcheck?.start_period).toBe("5m");
  });

  it("publishes the gateway's and the inbox's port alone: broker, database and figures cannot be reached from outside", () => {
    const published = Object.entries(compose.services).filter(([, { ports }]) => ports !== undefined);
    expect(published.map(([name]) => name)).toEqual(["gateway", "inbox"]);
    expect(compose.networks["internal"]?.internal).toBe(true);
    for (const name of ["postgres", "nats", "provisioner", "router", "session-tracker"])
      expect(service(name).networks).toEqual(["internal"]);
    expect(natsConfig).toMatch(/^http: "127\.0\.0\.1:/m);
  });

  it("has no default for any secret", () => {
    const secrets = [...text.matchAll(/\$\{([A-Z_]*(?:SECRET|TOKEN|PASSWORD)[A-Z_]*)([^}]*)\}/g)];
    expect(new Set(secrets.map(([, name]) => name))).toEqual(
      new Set([
        "WHATSAPP_APP_SECRETS",
        "WHATSAPP_VERIFY_TOKENS",
        "WHATSAPP_ACCESS_TOKEN",
        "TOKEN_KEYS",
        "POSTGRES_PASSWORD",
        ...DATABASE_SERVICES.map(rolePasswordKey),
        ...NATS_USERS.map(passwordKey),
      ]),
    );
    // Of the sender's two each may be left out, and it says so where both are.
    for (const [, name = "", rule] of secrets) {
      expect(rule, name).toMatch(/^(WHATSAPP_ACCESS_TOKEN|TOKEN_KEYS)$/.test(name) ? /^:-$/ : /^:\?./);
    }
  });

  it("lets each service connect to the broker as its own user, and gives the broker alone every password", () => {
    for (const name of SERVICES) {
      const user = NATS_USERS.find((one) => one === name);
      if (user === undefined) throw new Error(`${name} has no NATS user`);
      const { environment } = service(name);
      expect(environment?.["NATS_URL"]).toBe(
        `nats://${name}:\${${passwordKey(user)}:?letters and digits, a letter first}@nats:4222`,
      );
      expect(
        Object.entries(environment ?? {})
          .join()
          .match(/NATS_PASSWORD_/g),
      ).toHaveLength(1);
    }
    const keys = NATS_USERS.map((user) => passwordKey(user).replace("NATS_PASSWORD_", ""));
    expect(readFileSync(`${ROOT}/deploy/README.md`, "utf8")).toContain(`for user in ${keys.join(" ")}; do`);
    expect(Object.keys(service("nats").environment ?? {})).toEqual(["GOMEMLIMIT", ...NATS_USERS.map(passwordKey)]);
    expect(service("nats").volumes).toContain("./deploy/nats/nats-permissions.conf:/etc/nats/nats-permissions.conf:ro");
  });

  it("lets each service connect to the database as its own role, and gives the migrator alone every password", () => {
    for (const name of DATABASE_SERVICES) {
      const { environment } = service(name);
      expect(environment?.["DATABASE_URL"]).toBe(
        `postgres://${roleOf("turno", name)}:\${${rolePasswordKey(name)}:?letters and digits}@postgres:5432/turno`,
      );
    }
    const holders = Object.entries(compose.services).filter(([, { environment = {} }]) =>
      Object.values(environment).some((value) => value.includes("${POSTGRES_PASSWORD:")),
    );
    expect(holders.map(([name]) => name)).toEqual(["migrator", "postgres"]);
    const keys = DATABASE_SERVICES.map((name) => rolePasswordKey(name).replace("POSTGRES_PASSWORD_", ""));
    expect(readFileSync(`${ROOT}/deploy/README.md`, "utf8")).toContain(`for role in ${keys.join(" ")}; do`);
  });

  it("sends to Meta itself unless told otherwise, and gives nobody a token for the inbox", () => {
    expect(service("sender").environment).toMatchObject({
      GRAPH_URL: "${GRAPH_URL:-https://graph.facebook.com}",
      GRAPH_VERSION: "${GRAPH_VERSION:-v26.0}",
    });
    expect(service("inbox").environment).toMatchObject({ NODE_ENV: "production" });
    expect(text).not.toContain("LOCAL_ISSUER");
    for (const key of ["OIDC_ISSUERS", "AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_JWKS_URL"]) {
      expect(service("inbox").environment?.[key]).toBe(`\${${key}:-}`);
    }
  });

  it("keeps database and streams in named volumes", () => {
    expect(Object.keys(compose.volumes).toSorted()).toEqual(["nats-data", "postgres-data"]);
    // From version 18 on the image keeps its data one folder above where older ones did.
    expect(service("postgres").volumes).toEqual(["postgres-data:/var/lib/postgresql"]);
    expect(service("nats").volumes).toContain("nats-data:/data");
    // The folder alone: what nats-server made in it cannot be read without more rights, and is its own already.
    expect(service("nats-volume")).toMatchObject({ entrypoint: ["chown", "10001:10001", "/data"], cap_add: ["CHOWN"] });
    expect(service("nats").user).toBe("10001:10001");
  });

  it("starts services once what they need is healthy", () => {
    const withoutDatabase = ["provisioner", "gateway"];
    for (const name of withoutDatabase) {
      expect(service(name).depends_on).toEqual({ nats: { condition: "service_healthy" } });
    }
    for (const name of SERVICES.filter((one) => !withoutDatabase.includes(one))) {
      expect(service(name).depends_on).toEqual({
        nats: { condition: "service_healthy" },
        migrator: { condition: "service_completed_successfully" },
      });
    }
    expect(service("migrator").depends_on).toEqual({ postgres: { condition: "service_healthy" } });
  });

  it("applies the mounted file once a router answers, and has the command line in the network without a port", () => {
    for (const name of TOOLS) {
      expect(service(name)).toMatchObject({
        user: "node",
        read_only: true,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
        entrypoint: ["node", "tools/turno/src/main.ts"],
        environment: { NATS_URL: "nats://cli:${NATS_PASSWORD_CLI:?letters and digits, a letter first}@nats:4222" },
        volumes: ["${TURNO_FILE:-./deploy/turno.empty.yaml}:/etc/turno/turno.yaml:ro"],
        networks: ["internal"],
        depends_on: { nats: { condition: "service_healthy" }, router: { condition: "service_healthy" } },
      });
    }
    const [setup, cli] = TOOLS.map(service);
    expect(setup).toMatchObject({ command: ["apply", "/etc/turno/turno.yaml"], restart: "on-failure:5" });
    expect(setup?.profiles).toBeUndefined();
    expect(cli).toMatchObject({ profiles: ["cli"], restart: "no" });
  });

  it("ends nats-server as a lame duck and waits longer than that takes", () => {
    const { stop_signal: signal, stop_grace_period: grace } = service("nats");
    const duration = /lame_duck_duration: "(\d+)s"/.exec(natsConfig)?.[1];
    expect(signal).toBe("SIGUSR2");
    expect(Number(grace?.replace("s", ""))).toBeGreaterThan(Number(duration));
  });

  it.each(SERVICES)("gives %s longer to stop than it takes to drain", (name) => {
    const readNumber = (file: string, pattern: RegExp) => {
      const found = pattern.exec(readFileSync(`${ROOT}/${file}`, "utf8"))?.[1];
      return found === undefined ? null : Number(found.replaceAll("_", ""));
    };
    const usual = readNumber("libs/runtime/src/service.ts", /^const DRAIN_MS_MAX = ([\d_]+);/m);
    const own = readNumber(`services/${name}/src/main.ts`, /^const DRAIN_MS_MAX = ([\d_]+);/m);
    const graceMs = 1_000 * Number(service(name).stop_grace_period?.replace("s", ""));
    expect(graceMs).toBeGreaterThanOrEqual((own ?? usual ?? Number.NaN) + 5_000);
  });
});

describe("deploy/nats/nats.conf", () => {
  it("acknowledges only what is on disk, and takes payloads as large as the gateway's records", () => {
    expect(natsConfig).toMatch(/^ {2}sync_interval: always$/m);
    expect(natsConfig).toMatch(/^max_payload: 8MB$/m);
  });

  it("says how much the streams may hold, because the server's own limit shrinks as they grow", () => {
    expect(natsConfig).toMatch(/^ {2}max_file_store: \d+GB$/m);
  });
});

const folders: string[] = [];
afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

/** Runs the Dockerfile's own step and lists what it took out of the workspace. */
async function selectPackages(name: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "turno-image-"));
  folders.push(folder);
  const program = [`${ROOT}/deploy/select-packages.mjs`, name, join(folder, "package-files"), join(folder, "sources")];
  await promisify(execFile)(process.execPath, program, { cwd: ROOT });
  const sources = ["libs", "services", "tools"].flatMap((kind) =>
    readdirSync(join(folder, "sources", kind)).map((one) => `${kind}/${one}`),
  );
  for (const source of sources) readFileSync(join(folder, "package-files", source, "package.json"));
  return sources.toSorted();
}

describe("deploy/Dockerfile", () => {
  it("puts a service, the operators' tool and the libraries that they stand on into its image, and no other", async () => {
    const gateway = ["contracts", "conversation", "messaging", "runtime", "whatsapp"].map((name) => `libs/${name}`);
    expect(await selectPackages("gateway")).toEqual([...gateway, "services/gateway", "tools/turno"]);
    for (const name of SERVICES) {
      const packages = await selectPackages(name);
      expect(packages.filter((one) => one.startsWith("services/"))).toEqual([`services/${name}`]);
      for (const library of ["servers", "simulator", "testing"])
        expect(packages.map((one) => one.split("/")[1])).not.toContain(library);
    }
    await expect(selectPackages("nothing")).rejects.toThrow(/there is no service "nothing"/);
  });

  it("is given no secret, no test and no history of a clone", () => {
    const ignored = readFileSync(`${ROOT}/.dockerignore`, "utf8").split("\n");
    expect(ignored.find((line) => !line.startsWith("#"))).toBe("*");
    expect(ignored).toEqual(expect.arrayContaining(["**/.env*", "**/node_modules", "**/test"]));
  });

  it("runs any one service from its sources, as a user without rights, on Node 24", () => {
    const stages = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    expect(new Set(stages)).toEqual(new Set(["${NODE_IMAGE}"]));
    expect(dockerfile).toMatch(/^ARG NODE_IMAGE=node:24-slim$/m);
    expect(dockerfile).toMatch(/^ARG SERVICE$/m);
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK /m);
    expect(dockerfile).toContain("npm ci --omit=dev");
    expect(dockerfile).toContain('CMD ["node", "deploy/is-ready.mjs"]');
    expect(dockerfile).toContain("exec node services/$SERVICE/src/main.ts");
  });
});
