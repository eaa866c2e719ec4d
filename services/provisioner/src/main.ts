import { createLogger, loadConfig, runService } from "@turno/runtime";
import process from "node:process";
import { configSchema } from "./config.ts";
import { startProvisioner } from "./provisioner.ts";

const logger = createLogger("provisioner", "info");

await runService(logger, () => {
  const config = loadConfig(configSchema, process.env);
  logger.level = config.LOG_LEVEL;
  return startProvisioner(config, logger);
});
