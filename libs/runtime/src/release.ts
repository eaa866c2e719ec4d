import { readFileSync } from "node:fs";
import process from "node:process";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** The release of Turno that this process runs. */
export const RELEASE = version;

/** The version of Node that runs this process, such as `24.21.0`. */
export const NODE_VERSION = process.versions.node;
