import { createLogger, loadConfig, runService } from "@turno/runtime";
import process from "node:process";
import { gatewayConfig } from "./config.ts";
import { startGateway } from "./gateway.ts";

const logger = createLogger("gateway", "info");

await runService(logger, () => {
  const config = loadConfig(gatewayConfig, process.env);
  logger.level = config.LOG_LEVEL;
  return startGateway(config, logger);
});
