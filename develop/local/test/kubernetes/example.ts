import { ROOT } from "@turno/servers";
import { readFileSync } from "node:fs";
import { buildKustomization, readEnvironment } from "./build-kustomization.ts";
import { listWorkloads, type KubernetesObject, type Workload } from "./objects.ts";

export const KUBERNETES_FOLDER = `${ROOT}/deploy/kubernetes`;
export const readFromRoot = (path: string): string => readFileSync(`${ROOT}/${path}`, "utf8");

const SECRETS = "deploy/kubernetes/example/secrets.example.env";
export const secretKeys: readonly string[] = readEnvironment(readFromRoot(SECRETS)).map(([key]) => key);

/** A value for a secret such that the services take it. */
export const secretFor = (key: string): string => SHAPED[key] ?? `n${key.toLowerCase().replaceAll("_", "")}`;

/** Secrets that are more than a word. */
const SHAPED: Readonly<Record<string, string>> = {
  TOKEN_KEYS: `2026:${Buffer.alloc(32, 7).toString("base64")}`,
  OIDC_ISSUERS: JSON.stringify([
    { name: "house", label: "House", issuer: "https://id.example.org", clientId: "turno", clientSecret: "a-secret" },
  ]),
};

/** What an operator adds to the example. */
const given = {
  "secrets.env": secretKeys.map((key) => `${key}=${secretFor(key)}`).join("\n"),
  "turno.yaml": "{}",
};

/** All that `deploy/kubernetes/example` makes. */
export const exampleObjects: readonly KubernetesObject[] = buildKustomization(`${KUBERNETES_FOLDER}/example`, given);
export const exampleWorkloads: readonly Workload[] = listWorkloads(exampleObjects);

export function findWorkload(name: string): Workload {
  const found = exampleWorkloads.find((one) => one.name === name);
  if (found === undefined) throw new Error(`nothing makes pods of ${name}`);
  return found;
}

export const findObject = (kind: string, name: string): KubernetesObject | undefined =>
  exampleObjects.find((one) => one.kind === kind && one.metadata.name === name);
