/** A value of YAML whose members the test asks for by name. */
export interface Tree {
  [key: string]: unknown;
}

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  spec?: Spec;
}

interface Spec {
  replicas?: number;
  serviceName?: string;
  selector?: Selector & Record<string, unknown>;
  template?: { metadata: { labels?: Record<string, string> }; spec: PodSpec };
  volumeClaimTemplates?: {
    metadata: { labels?: Record<string, string> };
    spec: { resources: { requests: { storage: string } } };
  }[];
  ports?: { name: string; port: number; targetPort: string }[];
  podSelector?: Selector;
  policyTypes?: ("Ingress" | "Egress")[];
  ingress?: PolicyRule[];
  egress?: PolicyRule[];
  rules?: { http: { paths: { backend: { service: { name: string; port: { name: string } } } }[] } }[];
  scaleTargetRef?: { name: string };
  triggers?: { metadata: { query: string } }[];
}

export interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: "In"; values: string[] }[];
}

export interface PolicyPeer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string };
}

export interface PolicyRule {
  from?: PolicyPeer[];
  to?: PolicyPeer[];
  ports: { port: number | string; protocol: string }[];
}

interface PodSpec {
  terminationGracePeriodSeconds?: number;
  automountServiceAccountToken?: boolean;
  securityContext?: Tree;
  containers: PodContainer[];
  volumes?: { name: string; configMap?: { name: string } }[];
}

export interface PodContainer {
  name: string;
  image: string;
  command?: string[];
  env?: EnvironmentEntry[];
  ports?: { name: string; containerPort: number }[];
  securityContext?: Tree;
  resources?: { requests: Tree; limits: Tree };
  lifecycle?: { preStop: { exec: { command: string[] } } };
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
}

interface Probe {
  httpGet?: { path: string; port: string };
  exec?: { command: string[] };
}

interface Reference {
  name: string;
  key: string;
  optional?: boolean;
}

interface EnvironmentEntry {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: Reference; configMapKeyRef?: Reference; fieldRef?: { fieldPath: string } };
}

/** A pod that a Deployment, StatefulSet or Job makes, by the name of what makes it. */
export interface Workload {
  name: string;
  kind: string;
  replicas: number;
  labels: Record<string, string>;
  pod: PodSpec;
  container: PodContainer;
}

export function listWorkloads(objects: readonly KubernetesObject[]): Workload[] {
  return objects.flatMap(({ kind, metadata: { name }, spec }) => {
    if (spec?.template === undefined) return [];
    const { metadata, spec: pod } = spec.template;
    const [container, ...more] = pod.containers;
    if (container === undefined || more.length > 0) throw new Error(`${kind} ${name} has not one container`);
    return [{ name, kind, replicas: spec.replicas ?? 1, labels: metadata.labels ?? {}, pod, container }];
  });
}

export const selects = (selector: Selector, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
  (selector.matchExpressions ?? []).every(({ key, values }) => values.includes(labels[key] ?? ""));

/** Returns the environment of a container as the kubelet makes it: values of Secrets and ConfigMaps, and `$(NAME)` in others. */
export function environmentOf(container: PodContainer, objects: readonly KubernetesObject[]): Record<string, string> {
  const environment: Record<string, string> = {};
  const lookUp = ({ name, key }: Reference) => {
    const holder = objects.find((one) => one.metadata.name === name && (one.data ?? one.stringData) !== undefined);
    return (holder?.data ?? holder?.stringData)?.[key];
  };
  for (const { name, value, valueFrom } of container.env ?? []) {
    const reference = valueFrom?.secretKeyRef ?? valueFrom?.configMapKeyRef;
    const found = reference === undefined ? value : lookUp(reference);
    if (found === undefined && reference !== undefined && reference.optional !== true) {
      throw new Error(`${name}: ${reference.name} has no ${reference.key}`);
    }
    // A name that stands later is left as it is written, as the kubelet does.
    if (found !== undefined) {
      environment[name] = found.replaceAll(/\$\(([A-Z0-9_]+)\)/g, (whole, key: string) => environment[key] ?? whole);
    }
  }
  return environment;
}
