import { NATS_USERS, passwordKey } from "@turno/contracts";
import { DATABASE_SERVICES, roleOf, rolePasswordKey } from "@turno/database";
import { loadConfig } from "@turno/runtime";
import { ROOT } from "@turno/servers";
import { readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { buildKustomization, readEnvironment } from "./kubernetes/build-kustomization.ts";
import {
  exampleObjects,
  exampleWorkloads,
  findObject,
  findWorkload,
  KUBERNETES_FOLDER,
  readFromRoot,
  secretFor,
  secretKeys,
} from "./kubernetes/example.ts";
import { listEdges } from "./kubernetes/list-edges.ts";
import { listSchemaFaults } from "./kubernetes/list-schema-faults.ts";
import { environmentOf, listWorkloads, selects } from "./kubernetes/objects.ts";

const SERVICES = readdirSync(`${ROOT}/services`);
const ofKind = (kind: string) => exampleObjects.filter((one) => one.kind === kind);
const deployments = exampleWorkloads.filter(({ kind }) => kind === "Deployment");
const seconds = (path: string, pattern: RegExp, unit: number) => {
  const found = pattern.exec(readFromRoot(path))?.[1];
  return found === undefined ? undefined : Number(found.replaceAll("_", "")) * unit;
};

type Schema = Parameters<typeof loadConfig>[0] & { shape: object };
async function configOf(service: string): Promise<Schema> {
  const path = pathToFileURL(`${ROOT}/services/${service}/src/config.ts`).href;
  const exported = (await import(path)) as Record<string, unknown>;
  const schema = Object.values(exported).find(
    (value) => typeof value === "object" && value !== null && "shape" in value,
  );
  if (schema === undefined) throw new Error(`${service} exports no schema of its environment`);
  return schema as Schema;
}

describe("deploy/kubernetes", () => {
  it("runs every service: the migrator and the set-up once, all others for good", () => {
    const jobs = exampleWorkloads.filter(({ kind }) => kind === "Job").map(({ name }) => name);
    expect(jobs.toSorted()).toEqual(["migrator", "set-up"]);
    expect(deployments.map(({ name }) => name).toSorted()).toEqual(
      SERVICES.filter((one) => one !== "migrator").toSorted(),
    );
    for (const name of SERVICES) expect(findWorkload(name).container.image).toBe(`images.example/turno/${name}:1`);
    for (const { container } of exampleWorkloads)
      expect(container.image).toMatch(/^(nats|images\.example\/turno\/[a-z-]+):/);
    const tag = /NATS_IMAGE:-(nats:[^}]+)\}/.exec(readFromRoot("docker-compose.yml"))?.[1];
    expect(findWorkload("nats").container.image).toBe(tag);
  });

  it("is what Kubernetes' schemas allow, with no member that they do not know", () => {
    expect(
      exampleObjects.flatMap((one) =>
        listSchemaFaults(one).map((fault) => `${one.kind} ${one.metadata.name} ${fault}`),
      ),
    ).toEqual([]);
  });

  it("would be found out by the schemas, had it a wrong value or a misspelt member", () => {
    const [deployment] = structuredClone(ofKind("Deployment"));
    if (deployment?.spec?.template === undefined) throw new Error("no Deployment");
    Object.assign(deployment.spec.template.spec, { terminationGracePeriodSecond: 1 });
    expect(listSchemaFaults(deployment)).toEqual([
      "/spec/template/spec/terminationGracePeriodSecond: no schema knows it",
    ]);
    Object.assign(deployment.spec, { replicas: "two" });
    expect(listSchemaFaults(deployment).join()).toContain("replicas must be integer");
    expect(listSchemaFaults({ apiVersion: "apps/v2", kind: "Deployment" })).toEqual([
      "there is no schema of apps/v2 Deployment",
    ]);
  });

  it.each(SERVICES)("gives %s an environment that it takes, and nothing that it does not read", async (name) => {
    const [schema, { container }] = [await configOf(name), findWorkload(name)];
    expect(() => loadConfig(schema, environmentOf(container, exampleObjects))).not.toThrow();
    const others = (container.env ?? []).filter(({ name: key }) => !(key in schema.shape)).map(({ name: key }) => key);
    const used = (container.env ?? []).flatMap(({ value = "" }) =>
      [...value.matchAll(/\$\(([A-Z_]+)\)/g)].map(([, key]) => key),
    );
    expect(others.filter((key) => !used.includes(key))).toEqual([]);
  });

  it("lets each connect to the broker as its own user, on all three servers", () => {
    const pods = [0, 1, 2].map((index) => `nats-${index}.${findObject("Service", "nats")?.metadata.name}:4222`);
    expect(findWorkload("nats").replicas).toBe(pods.length);
    const users = new Map(
      exampleWorkloads.flatMap(({ name, container }) => {
        const url = environmentOf(container, exampleObjects)["NATS_URL"];
        return url === undefined ? [] : [[name === "set-up" ? "cli" : name, url] as const];
      }),
    );
    expect([...users.keys()].toSorted()).toEqual(["cli", ...SERVICES.filter((one) => one !== "migrator")].toSorted());
    for (const [user, url] of users) {
      const key = passwordKey(NATS_USERS.find((one) => one === user) ?? "cli");
      expect(url).toBe(`nats://${user}:${secretFor(key)}@${pods.join()}`);
    }
  });

  it("lets each sign in to the database as its own role, and the migrator alone as who made it", () => {
    for (const name of DATABASE_SERVICES) {
      const password = secretFor(rolePasswordKey(name));
      const { DATABASE_URL: url } = environmentOf(findWorkload(name).container, exampleObjects);
      expect(url).toBe(`postgres://${roleOf("turno", name)}:${password}@postgres.example.org:5432/turno`);
    }
    const holders = exampleWorkloads.filter(({ container }) =>
      container.env?.some(({ valueFrom }) => valueFrom?.secretKeyRef?.key === "POSTGRES_PASSWORD"),
    );
    expect(holders.map(({ name }) => name)).toEqual(["migrator"]);
  });

  it("reads every secret and setting that the example lists, and no other", () => {
    const references = exampleWorkloads
      .flatMap(({ container }) => container.env ?? [])
      .map(({ valueFrom }) => valueFrom);
    const keysOf = (found: ({ name: string; key: string } | undefined)[], name: string) =>
      [...new Set(found.flatMap((one) => (one === undefined ? [] : [`${one.name} ${one.key}`])))]
        .toSorted()
        .map((one) => one.replace(`${name} `, ""));
    expect(
      keysOf(
        references.map((one) => one?.secretKeyRef),
        "turno-secrets",
      ),
    ).toEqual(secretKeys.toSorted());
    const settings = readEnvironment(readFromRoot("deploy/kubernetes/example/settings.env")).map(([key]) => key);
    expect(
      keysOf(
        references.map((one) => one?.configMapKeyRef),
        "turno-settings",
      ),
    ).toEqual(settings.toSorted());
  });

  it.each(exampleWorkloads.map((one) => [one.name, one] as const))(
    "%s is not root, writes to volumes only and has no rights",
    (_name, { pod, container }) => {
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      });
      expect(pod.securityContext?.["runAsUser"]).toBeGreaterThan(0);
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(Object.keys(container.resources?.requests ?? {})).toEqual(["cpu", "memory"]);
      expect(Object.keys(container.resources?.limits ?? {})).toEqual(["memory"]);
    },
  );

  it.each(deployments.map((one) => [one.name, one] as const))("%s is asked where it answers", (name, { container }) => {
    const environment = environmentOf(container, exampleObjects);
    const ports = new Map(container.ports?.map((one) => [one.name, String(one.containerPort)]));
    expect(ports.get("operations")).toBe(environment["OPERATIONS_PORT"] ?? environment["PORT"]);
    // The port of its own is the API's, where it has one.
    const isCalled = findObject("Service", name) !== undefined;
    expect(ports.get("http")).toBe(isCalled ? environment["PORT"] : undefined);
    const asked = [container.startupProbe, container.livenessProbe, container.readinessProbe].map(
      (probe) => probe?.httpGet,
    );
    expect(asked).toEqual(["live", "live", "ready"].map((what) => ({ path: `/health/${what}`, port: "operations" })));
    for (const { path = "" } of asked.flatMap((one) => one ?? []))
      expect(readFromRoot("libs/runtime/src/http.ts")).toContain(`app.get("${path}"`);
  });

  it("selects what it names: services, budgets, deployments", () => {
    for (const { kind, metadata, spec } of exampleObjects) {
      const selector = kind === "Service" ? { matchLabels: spec?.selector as Record<string, string> } : spec?.selector;
      if (selector === undefined) continue;
      expect([
        kind,
        metadata.name,
        exampleWorkloads.filter(({ labels }) => selects(selector, labels)).map(({ name }) => name),
      ]).toEqual([kind, metadata.name, [metadata.name]]);
    }
    for (const { spec } of ofKind("Service")) {
      for (const { targetPort } of spec?.ports ?? []) {
        const ports = exampleWorkloads
          .filter(({ labels }) => selects({ matchLabels: spec?.selector as Record<string, string> }, labels))
          .flatMap(({ container }) => container.ports ?? []);
        expect(ports.map(({ name }) => name)).toContain(targetPort);
      }
    }
    const backends = ofKind("Ingress")
      .flatMap(({ spec }) => spec?.rules ?? [])
      .flatMap(({ http }) => http.paths)
      .map(({ backend: { service } }) => service);
    for (const { name, port } of backends)
      expect(findObject("Service", name)?.spec?.ports?.map((one) => one.name)).toContain(port.name);
    expect(backends.map(({ name }) => name)).toEqual(["gateway", "inbox"]);
  });

  it("keeps all but one pod of each service that has more, when machines are emptied", () => {
    const several = listWorkloads(buildKustomization(`${KUBERNETES_FOLDER}/base`)).filter(
      ({ replicas }) => replicas > 1,
    );
    expect(
      ofKind("PodDisruptionBudget")
        .map(({ metadata }) => metadata.name)
        .toSorted(),
    ).toEqual(several.map(({ name }) => name).toSorted());
    expect(several.map(({ name }) => name)).toContain("nats");
    for (const { spec } of ofKind("PodDisruptionBudget")) expect(spec).toMatchObject({ maxUnavailable: 1 });
  });

  it.each(deployments.map((one) => [one.name, one] as const))(
    "gives %s longer to stop than it takes to drain",
    (name, { pod, container }) => {
      const DRAIN = /^const DRAIN_MS_MAX = ([\d_]+);/m;
      const own = seconds(`services/${name}/src/main.ts`, DRAIN, 0.001);
      const drain = own ?? seconds("libs/runtime/src/service.ts", DRAIN, 0.001) ?? Number.NaN;
      const [program = "sleep", wait = "0"] = container.lifecycle?.preStop.exec.command ?? [];
      expect(program).toBe("sleep");
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(Number(wait) + drain + 5);
    },
  );

  it("lets everybody speak with whom it has to, and with nobody else", async () => {
    const wanted = new Set<string>();
    for (const { name, labels, container } of exampleWorkloads) {
      const reads = new Set(container.env?.map(({ name: key }) => key));
      const shape = SERVICES.includes(name) ? (await configOf(name)).shape : {};
      const ports = container.ports?.map((one) => one.name) ?? [];
      expect(labels["app.kubernetes.io/part-of"]).toBe("turno");
      wanted.add(`${name} to anybody at 53`);
      if (reads.has("NATS_URL")) wanted.add(`${name} to nats at 4222`).add(`nats from ${name} at 4222`);
      if (reads.has("DATABASE_URL")) wanted.add(`${name} to 192.0.2.10/32 at 5432`);
      if ("GRAPH_URL" in shape || "AUTH_ISSUER" in shape)
        wanted.add(`${name} to 0.0.0.0/0 at 443`).add(`${name} to ::/0 at 443`);
      if (ports.includes("http")) wanted.add(`${name} from namespaces turno-ingress at 8080`);
      if (ports.includes("operations")) wanted.add(`${name} from namespaces turno-prometheus at 9090`);
    }
    wanted.add("nats from turno-program at 4222").add("nats to nats at 6222").add("nats from nats at 6222");
    expect([...listEdges(ofKind("NetworkPolicy"), exampleWorkloads)].toSorted()).toEqual([...wanted].toSorted());
  });

  it("scales routers by a figure that they have, and leaves their number to that", () => {
    const { spec } = findObject("ScaledObject", "router") ?? {};
    const [, name = ""] = /(turno_\w+)/.exec(spec?.triggers?.[0]?.metadata.query ?? "") ?? [];
    expect(readFromRoot("libs/stateful-service/src/lag-figures.ts")).toContain(`"${name}"`);
    expect(findObject("Deployment", spec?.scaleTargetRef?.name ?? "")?.spec).not.toHaveProperty("replicas");
  });
});
