import type { Fault } from "./fault.ts";
import { isIntact, playRound, type RoundResult } from "./round.ts";
import { createProveStage, FULL_COUNTS, type ProveStage, type ProveStageOptions } from "./stage.ts";

export interface RunOptions {
  faults: readonly Fault[];
  rounds: number;
  seed: number;
  burst: number;
  /** 10 s by default. */
  recoveryMsMax?: number;
  stopsAtWrong?: boolean;
  counts?: ProveStageOptions["counts"];
  onStage?: (stage: ProveStage) => void;
  onRound?: (result: RoundResult, stage: ProveStage) => void;
}

const RECOVERY_MS_MAX = 10_000;

/** A stage that has seen so much is put away, so that a round's judgement does not grow. */
const ROUNDS_PER_STAGE = 15;

/** Plays rounds one after the other, each fault in its turn; a round with something wrong ends its stage. */
export async function runRounds(options: RunOptions): Promise<RoundResult[]> {
  const results: RoundResult[] = [];
  let stage: ProveStage | null = null;
  let played = 0;
  const { burst, recoveryMsMax = RECOVERY_MS_MAX } = options;
  try {
    for (const { fault, seed } of planRounds(options)) {
      const ground = fault.ground ?? "single";
      if (stage !== null && stage.ground !== ground) {
        await stage.stop();
        stage = null;
      }
      if (stage === null) {
        const { counts = FULL_COUNTS } = options;
        stage = await createProveStage({ seed, counts, ground });
        options.onStage?.(stage);
        played = 0;
      }
      const result = await playRound(stage, { fault, seed, burst, recoveryMsMax });
      results.push(result);
      options.onRound?.(result, stage);
      played += 1;
      if (played < ROUNDS_PER_STAGE && isIntact(result)) continue;
      await stage.stop();
      stage = null;
      if (options.stopsAtWrong === true && !isIntact(result)) break;
    }
  } finally {
    await stage?.stop();
  }
  return results;
}

const isCluster = ({ fault }: { fault: Fault }) => fault.ground === "cluster";

/** Each fault in its turn, and those on one ground together, so that a stage serves for many. */
function planRounds({ faults, rounds, seed }: RunOptions): { fault: Fault; seed: number }[] {
  const plan = Array.from({ length: rounds }, (_, round) => ({
    fault: faults[round % faults.length] as Fault,
    seed: seed + round,
  }));
  return [...plan.filter((round) => !isCluster(round)), ...plan.filter(isCluster)];
}
