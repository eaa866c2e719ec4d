import { ROOT } from "@turno/servers";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { buildKustomization } from "./kubernetes/build-kustomization.ts";
import { secretFor, secretKeys } from "./kubernetes/example.ts";
import type { KubernetesObject } from "./kubernetes/objects.ts";

const hasKubectl = spawnSync("kubectl", ["version", "--client"]).status === 0;

// Kustomize is not among what npm brings. Where an operator's kubectl is at hand, it has the last word on the other tests.
it.skipIf(!hasKubectl)("kustomize makes of the example what the tests read in it", () => {
  const folder = mkdtempSync(join(tmpdir(), "turno-kustomize-"));
  try {
    cpSync(`${ROOT}/deploy`, folder, { recursive: true });
    const example = join(folder, "kubernetes", "example");
    writeFileSync(join(example, "secrets.env"), secretKeys.map((key) => `${key}=${secretFor(key)}`).join("\n"));
    writeFileSync(join(example, "turno.yaml"), "{}");
    const { stdout, stderr } = spawnSync("kubectl", ["kustomize", example], { encoding: "utf8" });
    expect(stderr).toBe("");
    // What is generated has a name with a hash of what it holds.
    const named = stdout.replaceAll(/\b(turno-settings|turno-file|turno-secrets|nats)-[a-z0-9]{10}\b/g, "$1");
    const made = parseAllDocuments(named).map((one) => one.toJS() as KubernetesObject);
    expect(byName(made.map(withoutNamespace))).toEqual(byName(buildKustomization(example).map(withEncodedSecret)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Returns the objects by kind and name. Lists of what has a name are put into its order, which kustomize changes. */
const byName = (objects: readonly object[]) =>
  Object.fromEntries((objects as KubernetesObject[]).map((one) => [`${one.kind} ${one.metadata.name}`, inOrder(one)]));

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) {
    const nameOf = (one: unknown) => (one as { name?: unknown; mountPath?: unknown } | null)?.name;
    const elements = value.map(inOrder);
    const hasNames = elements.every((one) => typeof nameOf(one) === "string");
    return hasNames
      ? elements.toSorted((one, other) => String(nameOf(one)).localeCompare(String(nameOf(other))))
      : elements;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, inOrder(member)]));
}

function withoutNamespace({ metadata, ...rest }: KubernetesObject): object {
  const { namespace: _given, ...others } = metadata as KubernetesObject["metadata"] & { namespace?: string };
  const { data } = rest as { data?: Readonly<Record<string, string>> };
  if (rest.kind !== "Secret" || data === undefined) return { ...rest, metadata: others };
  // Kustomize breaks what is long into lines.
  const whole = Object.entries(data).map(([key, value]) => [key, value.replaceAll(/\s/g, "")]);
  return { ...rest, metadata: others, data: Object.fromEntries(whole) as object };
}

function withEncodedSecret({ stringData, ...rest }: KubernetesObject): object {
  if (stringData === undefined) return rest;
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  return { ...rest, type: "Opaque", data: Object.fromEntries(encoded) as object };
}
