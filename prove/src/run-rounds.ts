import type { Fault } from "./fault.ts";
import { isGood, playRound, type RoundResult } from "./round.ts";
import { createStage, FULL_COUNTS, type Stage, type StageOptions } from "./stage.ts";

export interface RunOptions {
  faults: readonly Fault[];
  rounds: number;
  seed: number;
  burst: number;
  /** 10 s by default. */
  recoveryMsMax?: number;
  counts?: StageOptions["counts"];
  syncAlways?: boolean;
  onStage?: (stage: Stage) => void;
  onRound?: (result: RoundResult, stage: Stage) => void;
}

const RECOVERY_MS_MAX = 10_000;

/** A stage that has seen so much is put away, so that a round's judgement does not grow. */
const ROUNDS_PER_STAGE = 15;

/** Plays rounds one after the other, each fault in its turn; a round that was not good ends its stage. */
export async function runRounds(options: RunOptions): Promise<RoundResult[]> {
  const results: RoundResult[] = [];
  let stage: Stage | null = null;
  let played = 0;
  const { burst, recoveryMsMax = RECOVERY_MS_MAX } = options;
  try {
    for (let round = 0; round < options.rounds; round++) {
      const fault = options.faults[round % options.faults.length] as Fault;
      const seed = options.seed + round;
      if (stage === null) {
        const { counts = FULL_COUNTS, syncAlways = true } = options;
        stage = await createStage({ seed, counts, syncAlways });
        options.onStage?.(stage);
        played = 0;
      }
      const result = await playRound(stage, { fault, seed, burst, recoveryMsMax });
      results.push(result);
      options.onRound?.(result, stage);
      played += 1;
      if (played < ROUNDS_PER_STAGE && isGood(result)) continue;
      await stage.stop();
      stage = null;
    }
  } finally {
    await stage?.stop();
  }
  return results;
}
