import type { Fault } from "../fault.ts";
import { NETWORK_FAULTS } from "./networks.ts";
import { PROCESS_FAULTS } from "./processes.ts";

/** Every fault, in the order of the table. */
export const FAULTS: readonly Fault[] = [...PROCESS_FAULTS, ...NETWORK_FAULTS];
