import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import type { KubernetesObject, Tree } from "./objects.ts";

interface Patch {
  /** A file, or the text itself. */
  path?: string;
  patch?: string;
  target?: { kind?: string; name?: string };
}

interface Kustomization {
  resources?: string[];
  components?: string[];
  patches?: Patch[];
  labels?: { pairs: Record<string, string>; includeTemplates?: boolean }[];
  images?: { name: string; newName?: string; newTag?: string }[];
  configMapGenerator?: Generator[];
  secretGenerator?: Generator[];
  namespace?: string;
}

interface Generator {
  name: string;
  files?: string[];
  envs?: string[];
}

const KEYS = new Set(
  "apiVersion kind resources components patches labels images configMapGenerator secretGenerator namespace".split(" "),
);

/**
 * Builds a folder of deploy/ as kustomize does, by what these folders use of it; throws where they use more. Names get no
 * hash and no namespace. `given` holds the text of files that an operator adds.
 */
export function buildKustomization(folder: string, given: Readonly<Record<string, string>> = {}): KubernetesObject[] {
  return build(folder, [], given);
}

function build(
  folder: string,
  before: KubernetesObject[],
  given: Readonly<Record<string, string>>,
): KubernetesObject[] {
  const kustomization = parse(readFileSync(join(folder, "kustomization.yaml"), "utf8")) as Kustomization;
  const unknown = Object.keys(kustomization).filter((key) => !KEYS.has(key));
  if (unknown.length > 0)
    throw new Error(`${folder}: the test does not know what kustomize makes of ${unknown.join()}`);
  const objects = [
    ...before,
    ...(kustomization.resources ?? []).flatMap((path) => readResource(join(folder, path), given)),
    ...generate(folder, given, "ConfigMap", kustomization.configMapGenerator),
    ...generate(folder, given, "Secret", kustomization.secretGenerator),
  ];
  const all = (kustomization.components ?? []).reduce(
    (known, path) => build(join(folder, path), known, given),
    objects,
  );
  for (const patch of kustomization.patches ?? []) applyPatch(folder, patch, all);
  for (const { pairs, includeTemplates = false } of kustomization.labels ?? []) {
    for (const object of all) {
      object.metadata.labels = { ...object.metadata.labels, ...pairs };
      const { template, volumeClaimTemplates = [] } = object.spec ?? {};
      const templates = includeTemplates ? [template ?? [], volumeClaimTemplates].flat() : [];
      for (const { metadata } of templates) Object.assign((metadata.labels ??= {}), pairs);
    }
  }
  for (const image of kustomization.images ?? []) nameImage(image, all);
  return all;
}

function readResource(path: string, given: Readonly<Record<string, string>>): KubernetesObject[] {
  if (statSync(path).isDirectory()) return build(path, [], given);
  return parseAllDocuments(readFileSync(path, "utf8")).map((one) => one.toJS() as KubernetesObject);
}

function generate(
  folder: string,
  given: Readonly<Record<string, string>>,
  kind: string,
  generators: Generator[] = [],
): KubernetesObject[] {
  const read = (path: string) => {
    const text = existsSync(join(folder, path)) ? readFileSync(join(folder, path), "utf8") : given[path];
    if (text === undefined) throw new Error(`${folder} has no ${path}`);
    return text;
  };
  return generators.map(({ name, files = [], envs = [] }) => {
    const data = Object.fromEntries([
      ...files.map((path) => [basename(path), read(path)]),
      ...envs.flatMap((path) => readEnvironment(read(path))),
    ]) as Record<string, string>;
    return { apiVersion: "v1", kind, metadata: { name }, ...(kind === "Secret" ? { stringData: data } : { data }) };
  });
}

/** Returns the keys and values of a file of lines `KEY=value`. */
export const readEnvironment = (text: string): [string, string][] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)]);

interface Operation {
  op: "remove" | "replace";
  path: string;
  value?: unknown;
}

function applyPatch(folder: string, { path, patch: text, target }: Patch, objects: KubernetesObject[]): void {
  const patch = parse(text ?? readFileSync(join(folder, path ?? ""), "utf8")) as KubernetesObject | Operation[];
  const { kind = ".*", name = ".*" } = target ?? nameOf(patch as KubernetesObject);
  const matches = objects.filter(
    (one) => new RegExp(`^(${kind})$`).test(one.kind) && new RegExp(`^(${name})$`).test(one.metadata.name),
  );
  if (matches.length === 0) throw new Error(`${folder}: a patch of ${kind} ${name} changes nothing`);
  for (const object of matches) {
    if (Array.isArray(patch)) for (const operation of patch) operate(object as unknown as Tree, operation);
    else merge(object as unknown as Tree, { spec: patch.spec });
  }
}

const nameOf = ({ kind, metadata: { name } }: KubernetesObject) => ({ kind, name });

function operate(object: Tree, { op, path, value }: Operation): void {
  const keys = path.split("/").slice(1);
  const last = keys.pop() ?? "";
  const holder = keys.reduce<unknown>((tree, key) => (tree as Tree | undefined)?.[key], object) as Tree | undefined;
  if (holder?.[last] === undefined) throw new Error(`a patch finds no ${path}`);
  if (op === "remove") Reflect.deleteProperty(holder, last);
  else holder[last] = value;
}

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);
/** The lists whose elements kustomize brings together by a key, here always the name or the path. */
const KEY_OF_LIST: Readonly<Record<string, string>> = {
  containers: "name",
  env: "name",
  volumes: "name",
  volumeMounts: "mountPath",
};

/** Merges as kustomize's strategic merge does: the lists above go together, other lists are replaced. */
function merge(into: Tree, patch: Tree): void {
  for (const [key, value] of Object.entries(patch)) {
    const known = into[key];
    const listKey = KEY_OF_LIST[key];
    if (isTree(value) && isTree(known)) merge(known, value);
    else if (listKey !== undefined && Array.isArray(value) && Array.isArray(known)) {
      for (const element of value as Tree[]) {
        const twin = (known as Tree[]).find((one) => one[listKey] === element[listKey]);
        if (twin === undefined) known.push(structuredClone(element));
        else merge(twin, element);
      }
    } else into[key] = structuredClone(value);
  }
}

function nameImage(
  { name, newName = name, newTag }: { name: string; newName?: string; newTag?: string },
  objects: KubernetesObject[],
) {
  const containers = objects.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);
  const matches = containers.filter(({ image }) => image.split(":")[0] === name);
  if (matches.length === 0) throw new Error(`no container runs ${name}`);
  for (const container of matches) container.image = newTag === undefined ? newName : `${newName}:${newTag}`;
}
