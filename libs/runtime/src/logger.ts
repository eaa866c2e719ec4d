import { pino, type Logger } from "pino";

export type { Logger };

/** A JSON logger on standard output. Callers log ids and counts: never a phone number, a name, a text or a secret. */
export function createLogger(service: string, level: string): Logger {
  return pino({ level, base: { service }, timestamp: pino.stdTimeFunctions.isoTime });
}
