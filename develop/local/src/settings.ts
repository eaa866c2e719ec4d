import { parseArgs } from "node:util";

export interface StartSettings {
  gatewayPort: number;
  inboxPort: number;
  /** Null: 4222 where it is free, else any free one. */
  natsPort: number | null;
  /** Messages a second from the simulator; 0 for none. */
  rate: number;
  /** How many times as fast as the real one the rules' clock runs. */
  speed: number;
  /** Whether the demo's agents answer, or whoever is at the keyboard does. */
  hasAgents: boolean;
  databaseUrl: string | null;
  natsUrl: string | null;
}

/** An argument or a key of the environment that cannot be taken as it is. */
export class SettingFailure extends Error {
  readonly retryable = false;
}

const RATE = "2";
const RATE_MAX = 5000;
const SPEED_MAX = 10_000;
/** An hour passes in five seconds and a day in two minutes: whoever watches for five sees whole lives of conversations. */
const SPEED = 720;

export const START_USAGE = `npm start [-- <options>]

  --rate <number>   what the simulated customers write, ${RATE} messages a second by default; 0 for none
  --speed <number>  how many times as fast as the real one the clock of all rules runs, ${SPEED} by default:
                    an hour in 5 s, a day in 2 min. 1 is real time, up to ${SPEED_MAX}
  --no-agents       no demo agents: you answer, claim and close yourself (npm run turno)
  GATEWAY_PORT     where the gateway listens, 8080 by default
  INBOX_PORT       where the inbox listens, 8081 by default
  NATS_PORT        where the local nats-server listens, 4222 by default
  DATABASE_URL     use this Postgres instead of a local one, as somebody who may create roles
  NATS_URL         use this nats-server instead of a local one
  TURNO_DATA_DIR   where data and secrets are kept, .turno by default
`;

function readNumber(name: string, text: string, { least, most }: { least: number; most: number }): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isFinite(number) && number >= least && number <= most) return number;
  throw new SettingFailure(`${name} is "${text}"; it must be a number from ${least} to ${most}`);
}

/** A database that was there before keeps its own clock: there it is real time. */
function readSpeed(text: string | undefined, databaseUrl: string | null): number {
  if (text === undefined) return databaseUrl === null ? SPEED : 1;
  const speed = readNumber("--speed", text, { least: 1, most: SPEED_MAX });
  if (databaseUrl === null || speed === 1) return speed;
  throw new SettingFailure(
    "--speed replaces the database's clock, so it works only with the local stack's own database. " +
      "Leave DATABASE_URL unset, or leave --speed out.",
  );
}

function readPort(environment: NodeJS.ProcessEnv, name: string): number | null {
  const text = environment[name];
  return text === undefined || text === "" ? null : readNumber(name, text, { least: 0, most: 65_535 });
}

/** Reads arguments and environment. Throws an error in words for a person; null where only the usage was asked for. */
export function readSettings(args: string[], environment: NodeJS.ProcessEnv): StartSettings | null {
  const { values } = parseArgs({
    args,
    options: {
      rate: { type: "string", default: RATE },
      speed: { type: "string" },
      "no-agents": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const databaseUrl = environment["DATABASE_URL"] || null;
  return {
    gatewayPort: readPort(environment, "GATEWAY_PORT") ?? 8080,
    natsPort: readPort(environment, "NATS_PORT"),
    inboxPort: readPort(environment, "INBOX_PORT") ?? 8081,
    rate: readNumber("--rate", values.rate, { least: 0, most: RATE_MAX }),
    speed: readSpeed(values.speed, databaseUrl),
    hasAgents: !values["no-agents"],
    databaseUrl,
    natsUrl: environment["NATS_URL"] || null,
  };
}
