import { NATS_USERS, passwordKey } from "@turno/contracts";
import { describe, expect, it } from "vitest";
import { exampleObjects, findObject, findWorkload, readFromRoot } from "./kubernetes/example.ts";
import { environmentOf } from "./kubernetes/objects.ts";

describe("the cluster of nats-servers", () => {
  const { pod, container, replicas } = findWorkload("nats");
  const config = readFromRoot("deploy/nats/nats.conf");

  it("reads the configuration that docker-compose.yml mounts, and knows every password", () => {
    const map = findObject(
      "ConfigMap",
      pod.volumes?.find(({ configMap }) => configMap !== undefined)?.configMap?.name ?? "",
    );
    expect(map?.data?.["nats.conf"]).toBe(config);
    expect(map?.data?.["nats-permissions.conf"]).toBe(readFromRoot("deploy/nats/nats-permissions.conf"));
    expect(container.command?.at(-1)).toBe("/etc/nats/nats-cluster.conf");
    const names = [
      ...Object.values(map?.data ?? {})
        .join("\n")
        .matchAll(/(?<!")\$([A-Z][A-Z_0-9]+)/g),
    ].map(([, name]) => name);
    const given = (container.env ?? []).map(({ name }) => name).filter((name) => name !== "GOMEMLIMIT");
    expect(new Set(names)).toEqual(new Set(given));
    expect(NATS_USERS.map(passwordKey).filter((key) => !names.includes(key))).toEqual([]);
  });

  it("has a route to each server, and keeps a copy of each stream on each", () => {
    const environment = environmentOf(container, exampleObjects);
    const routes = Array.from({ length: replicas }, (_, index) => environment[`NATS_ROUTE_${index}`]);
    expect(routes).toEqual(
      Array.from(
        { length: replicas },
        (_, index) => `nats://route:${environment["NATS_PASSWORD_ROUTE"]}@nats-${index}.nats:6222`,
      ),
    );
    expect(environmentOf(findWorkload("provisioner").container, exampleObjects)).toMatchObject({
      INBOUND_REPLICAS: String(replicas),
      EVENTS_REPLICAS: String(replicas),
    });
  });

  it("may hold what the streams may, on a disk that has a tenth more", () => {
    const { INBOUND_BYTES_MAX: inbound, EVENTS_BYTES_MAX: events } = environmentOf(
      findWorkload("provisioner").container,
      exampleObjects,
    );
    const storeBytes = Number(/max_file_store: (\d+)GB/.exec(config)?.[1]) * 1024 ** 3;
    const claim = findObject("StatefulSet", "nats")?.spec?.volumeClaimTemplates?.[0]?.spec.resources.requests.storage;
    expect(Number(inbound) + Number(events)).toBeLessThanOrEqual(storeBytes);
    expect(Number(/^(\d+)Gi$/.exec(claim ?? "")?.[1]) * 1024 ** 3 * 0.9).toBeGreaterThanOrEqual(storeBytes);
  });

  it("ends as lame ducks and is waited for longer than that takes", () => {
    expect(container.lifecycle?.preStop.exec.command).toEqual(["nats-server", "--signal", "ldm=1"]);
    const duration = Number(/lame_duck_duration: "(\d+)s"/.exec(config)?.[1]);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(duration + 15);
  });
});
