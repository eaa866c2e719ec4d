import { isDatabaseAway, migrateDatabase } from "@turno/database";
import { createBackoff, createLogger, loadConfig, runToEnd } from "@turno/runtime";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { configSchema, passwordsOf } from "./config.ts";

const RETRY_MS = 250;
const logger = createLogger("migrator", "info");

await runToEnd(logger, async () => {
  const config = loadConfig(configSchema, process.env);
  logger.level = config.LOG_LEVEL;
  const backoff = createBackoff(RETRY_MS);
  for (;;) {
    try {
      await migrateDatabase(config.DATABASE_URL, { passwords: passwordsOf(config) });
      return logger.info("the schema is this release's, and each service's role has its rights");
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      logger.warn({ err: error }, "waiting for the database");
      await pause(backoff.nextMs());
    }
  }
});
