import type { RolePasswords } from "@turno/database";
import { commonConfig, databaseConfig } from "@turno/runtime";
import { z } from "zod";

const password = z.string().regex(/^[!-~]+$/, "must have printable ASCII characters only, without spaces");

/** The migrator's environment. */
export const configSchema = z.object({
  ...databaseConfig,
  LOG_LEVEL: commonConfig.LOG_LEVEL,
  POSTGRES_PASSWORD_ROUTER: password,
  POSTGRES_PASSWORD_SESSION_TRACKER: password,
  POSTGRES_PASSWORD_SENDER: password,
  POSTGRES_PASSWORD_INBOX: password,
});

export const passwordsOf = (config: z.output<typeof configSchema>): RolePasswords => ({
  router: config.POSTGRES_PASSWORD_ROUTER,
  "session-tracker": config.POSTGRES_PASSWORD_SESSION_TRACKER,
  sender: config.POSTGRES_PASSWORD_SENDER,
  inbox: config.POSTGRES_PASSWORD_INBOX,
});
