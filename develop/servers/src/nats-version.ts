import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ServerFailure } from "./failure.ts";

/** The first release with `sync_interval: always`; an older server loses what it acknowledged when the power goes. */
export const NATS_VERSION_MIN = "2.11.0";

const VERSION_PATTERN = /(\d+)\.(\d+)\.(\d+)/;

function parts(version: string): number[] {
  const [, major, minor, patch] = VERSION_PATTERN.exec(version) ?? [];
  return [Number(major), Number(minor), Number(patch)];
}

/** Below zero where `left` is the older one. */
export function compareVersions(left: string, right: string): number {
  const [ofLeft, ofRight] = [parts(left), parts(right)];
  for (const [index, number] of ofLeft.entries()) {
    const difference = number - (ofRight[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Asks a nats-server for its version, e.g. `2.15.1`; throws where it does not run or is too old to be durable. */
export async function checkNatsServer(path: string): Promise<string> {
  const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 5000 });
  const version = VERSION_PATTERN.exec(stdout)?.[0];
  if (version === undefined) throw new ServerFailure(`${path} does not say which version it is: ${stdout.trim()}`);
  if (compareVersions(version, NATS_VERSION_MIN) < 0) {
    throw new ServerFailure(
      `${path} is version ${version}; it must be ${NATS_VERSION_MIN} or newer, because older ones cannot store durably`,
    );
  }
  return version;
}
