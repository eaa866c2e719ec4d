import type { Check } from "@turno/contracts";
import {
  answerExamination,
  BrokerFailure,
  connectToNats,
  listProvisionedParts,
  readRoom,
  type Connection,
} from "@turno/messaging";
import { listen, type Logger, type RunningService } from "@turno/runtime";
import { Hono } from "hono";
import type { Config } from "./config.ts";
import { judgeParts, judgeRoom, judgeUnread } from "./examination.ts";
import { createProvisionerMetrics } from "./metrics.ts";
import { keepUp, type Upkeep } from "./upkeep.ts";

const BROKER_AWAY = "the broker is away";

/** Starts the provisioner. Without a broker it still listens, and goes on when the broker comes. */
export async function startProvisioner(config: Config, logger: Logger): Promise<RunningService> {
  let connection: Connection | undefined;
  let upkeep: Upkeep | undefined;
  let isStopping = false;
  const obstacles = () => (connection?.isConnected !== true ? [BROKER_AWAY] : (upkeep?.obstacles() ?? []));
  const metrics = createProvisionerMetrics({
    obstacles: () => obstacles().length,
    isConnected: () => connection?.isConnected === true,
  });
  const parts = listProvisionedParts({
    inbound: { replicas: config.INBOUND_REPLICAS, bytesMax: config.INBOUND_BYTES_MAX },
    events: { replicas: config.EVENTS_REPLICAS, bytesMax: config.EVENTS_BYTES_MAX },
  });
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const fail = (error: unknown) => {
    if (!isStopping) failure.reject(error);
  };
  const open = async () => {
    const opened = await connectToNats({ url: config.NATS_URL, name: "turno-provisioner" });
    if (isStopping) return opened.close();
    connection = opened;
    upkeep = keepUp(opened, parts, { metrics, logger });
    // It ends with the connection.
    answerExamination(opened, {
      service: "provisioner",
      examine: async () => ({ checks: [...judgeParts(obstacles()), ...(await examineRoom(opened))] }),
      onFailure: (error) => logger.warn({ err: error }, "the operators' doctor cannot be answered"),
      onDefect: (error) => {
        metrics.defects.inc({ stage: "examination" });
        logger.error({ err: error }, "the operators' doctor met a defect");
      },
    });
    void opened.closed.then((cause) => fail(new BrokerFailure("the connection closed for good", { cause })));
  };
  open().catch(fail);

  const readiness = () => {
    const reasons = obstacles();
    return { isReady: reasons.length === 0, reasons };
  };
  const onDefect = (error: unknown) => {
    metrics.defects.inc({ stage: "http" });
    logger.error({ err: error }, "a route has a defect");
  };
  const server = await listen(new Hono(), config, { registry: metrics.registry, readiness, onDefect });
  return {
    port: server.port,
    failed: failure.promise,
    async stop() {
      isStopping = true;
      await upkeep?.stop();
      await server.end();
      await connection?.close();
    },
  };
}

async function examineRoom(connection: Connection): Promise<Check[]> {
  try {
    return judgeRoom(await readRoom(connection), Date.now());
  } catch (error) {
    if (!(error instanceof BrokerFailure)) throw error;
    return judgeUnread(error.message);
  }
}
