import type { Fault } from "../fault.ts";
import { CLOCK_FAULTS, HOST_CLOCK_FAULTS } from "./clocks.ts";
import { CLUSTER_FAULTS } from "./clusters.ts";
import { DATABASE_FAULTS } from "./databases.ts";
import { NETWORK_FAULTS } from "./networks.ts";
import { PROCESS_FAULTS } from "./processes.ts";
import { RELEASE_FAULTS } from "./releases.ts";
import { STREAM_FAULTS } from "./streams.ts";

/** Every fault, in the order of the table. */
export const FAULTS: readonly Fault[] = [
  ...DATABASE_FAULTS,
  ...CLOCK_FAULTS,
  ...STREAM_FAULTS,
  ...PROCESS_FAULTS,
  ...NETWORK_FAULTS,
  ...CLUSTER_FAULTS,
  ...HOST_CLOCK_FAULTS,
  ...RELEASE_FAULTS,
];
