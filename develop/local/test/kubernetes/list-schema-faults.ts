import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { StatefulSet } from "kubernetes-models/apps/v1/StatefulSet";
import { Job } from "kubernetes-models/batch/v1/Job";
import { Ingress } from "kubernetes-models/networking.k8s.io/v1/Ingress";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Namespace } from "kubernetes-models/v1/Namespace";
import { Secret } from "kubernetes-models/v1/Secret";
import { Service } from "kubernetes-models/v1/Service";

interface Model {
  apiVersion: string;
  kind: string;
  prototype: { validate: () => void };
}

const MODELS: readonly Model[] = [
  ConfigMap,
  Deployment,
  Ingress,
  Job,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  ScaledObject,
  Secret,
  Service,
  StatefulSet,
];

/**
 * Returns what Kubernetes' own schemas, and KEDA's, say against an object: values of a wrong form, and members that they do not
 * know, which the API server drops without a word unless it is asked to be strict.
 */
export function listSchemaFaults(object: { apiVersion: string; kind: string }): string[] {
  const model = MODELS.find(({ apiVersion, kind }) => apiVersion === object.apiVersion && kind === object.kind);
  if (model === undefined) return [`there is no schema of ${object.apiVersion} ${object.kind}`];
  const looks: Look[] = [];
  try {
    model.prototype.validate.call(watchReads(object, "", looks));
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  return looks.flatMap(({ path, value, read }) =>
    Object.keys(value)
      .filter((key) => !read.has(key))
      .map((key) => `${path}/${key}: no schema knows it`),
  );
}

interface Look {
  path: string;
  value: object;
  read: Set<string>;
}

/** Notes which members of an object the validation reads: it reads every one that the schema has. */
function watchReads(value: object, path: string, looks: Look[]): object {
  const read = new Set<string>();
  // Elements of lists are read by their number, and need no name.
  if (!Array.isArray(value)) looks.push({ path, value, read });
  const watched = new Map<string, object>();
  return new Proxy(value, {
    get: (target, key) => {
      const member = Reflect.get(target, key) as unknown;
      if (typeof key === "symbol") return member;
      read.add(key);
      if (typeof member !== "object" || member === null) return member;
      const known = watched.get(key) ?? watchReads(member, `${path}/${key}`, looks);
      watched.set(key, known);
      return known;
    },
  });
}
