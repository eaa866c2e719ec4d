import { parseArgs } from "node:util";

export interface StartSettings {
  gatewayPort: number;
  /** Null: 4222 where it is free, else any free one. */
  natsPort: number | null;
  /** Messages a second from the simulator; 0 for none. */
  rate: number;
  databaseUrl: string | null;
  natsUrl: string | null;
}

export const START_USAGE = `npm start [-- --rate <messages a second>]

  --rate           what the simulated customers write, 4 messages a second by default; 0 for none
  GATEWAY_PORT     where the gateway listens, 8080 by default
  NATS_PORT        where the local nats-server listens, 4222 by default
  DATABASE_URL     use this Postgres instead of a local one
  NATS_URL         use this nats-server instead of a local one
  TURNO_DATA_DIR   where data and secrets are kept, .turno by default
`;

function readNumber(name: string, text: string, most: number): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isFinite(number) && number >= 0 && number <= most) return number;
  throw new Error(`${name} is "${text}"; it must be a number from 0 to ${most}`);
}

function readPort(environment: NodeJS.ProcessEnv, name: string): number | null {
  const text = environment[name];
  return text === undefined || text === "" ? null : readNumber(name, text, 65_535);
}

/** Reads arguments and environment. Throws an error in words for a person; null where only the usage was asked for. */
export function readSettings(args: string[], environment: NodeJS.ProcessEnv): StartSettings | null {
  const { values } = parseArgs({
    args,
    options: { rate: { type: "string", default: "4" }, help: { type: "boolean", default: false } },
  });
  if (values.help) return null;
  return {
    gatewayPort: readPort(environment, "GATEWAY_PORT") ?? 8080,
    natsPort: readPort(environment, "NATS_PORT"),
    rate: readNumber("--rate", values.rate, 5000),
    databaseUrl: environment["DATABASE_URL"] || null,
    natsUrl: environment["NATS_URL"] || null,
  };
}
