import type { Random } from "@turno/simulator";
import type { Ground } from "./broker.ts";
import type { Load } from "./load.ts";
import type { ProveStage } from "./stage.ts";

/** What a fault is played with. */
export interface FaultScene {
  stage: ProveStage;
  load: Load;
  random: Random;
}

/** What a fault takes away by its nature, so that the judge does not ask for it. */
export type Excuse =
  /** The database goes back to an earlier instant: what was asked of it since is undone. */
  | "database-goes-back"
  /** The inbound log was deleted with what it had held, all of which had taken effect. */
  | "log-is-another";

/** Something that goes wrong. A row of the table, and what `--fault` names. */
export interface Fault {
  name: string;
  excuses: readonly Excuse[];
  /** What it stands on: one nats-server, unless it says otherwise. */
  ground?: Ground;
  /** Does its harm, and resolves at the instant when the harm is over: from there on the recovery is timed. */
  play(scene: FaultScene): Promise<void>;
}
