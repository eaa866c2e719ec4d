import { selects, type KubernetesObject, type PolicyPeer, type PolicyRule, type Workload } from "./objects.ts";

/** Returns who may speak with whom by the network policies, as `gateway to nats at 4222` and `nats from gateway at 4222`. */
export function listEdges(policies: readonly KubernetesObject[], workloads: readonly Workload[]): Set<string> {
  const edges = new Set<string>();
  for (const pod of workloads) {
    const own = policies.filter(({ spec }) => selects(spec?.podSelector ?? {}, pod.labels));
    for (const type of ["Ingress", "Egress"] as const) {
      // Whom no policy names in a direction speaks with everybody in it.
      if (!own.some(({ spec }) => spec?.policyTypes?.includes(type))) edges.add(`${pod.name} is free: ${type}`);
    }
    const add = (word: string, peers: readonly PolicyPeer[] | undefined, { ports }: PolicyRule) => {
      for (const { port } of ports) {
        const number = pod.container.ports?.find(({ name }) => name === port)?.containerPort ?? port;
        for (const name of peers?.flatMap((peer) => namePeer(peer, workloads)) ?? ["anybody"]) {
          edges.add(`${pod.name} ${word} ${name} at ${number}`);
        }
      }
    };
    for (const { spec } of own) {
      for (const rule of spec?.ingress ?? []) add("from", rule.from, rule);
      for (const rule of spec?.egress ?? []) add("to", rule.to, rule);
    }
  }
  return edges;
}

function namePeer({ podSelector, namespaceSelector, ipBlock }: PolicyPeer, workloads: readonly Workload[]): string[] {
  if (ipBlock !== undefined) return [ipBlock.cidr];
  if (namespaceSelector !== undefined) return [`namespaces ${Object.keys(namespaceSelector.matchLabels ?? {}).join()}`];
  const selector = podSelector ?? {};
  const names = workloads.filter(({ labels }) => selects(selector, labels)).map(({ name }) => name);
  return names.length > 0 ? names : Object.keys(selector.matchLabels ?? {});
}
