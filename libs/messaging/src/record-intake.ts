import type { LogProgress, LogReading, LogRecord } from "./log-records.ts";

/** Records that wait in memory for the batch under way. */
const BUFFERED_RECORDS_MAX = 64;

/** Records that came in and wait to be applied. */
export interface RecordIntake {
  readonly records: readonly LogRecord[];
  readonly hasEnded: boolean;
  progress(): Promise<LogProgress>;
  drop(count: number): void;
  stop(): Promise<void>;
}

/** Keeps a few records ready, and no more: the rest stays with the broker. */
export function takeIn(reading: LogReading, wake: () => void, onFailure: (error: unknown) => void): RecordIntake {
  const records: LogRecord[] = [];
  let hasEnded = false;
  let isStopping = false;
  let resume: (() => void) | null = null;
  const pull = async () => {
    for await (const record of reading.records) {
      if (isStopping) return;
      records.push(record);
      wake();
      if (records.length >= BUFFERED_RECORDS_MAX) await new Promise<void>((resolve) => (resume = resolve));
    }
  };
  const pulled = pull()
    .catch(onFailure)
    .finally(() => {
      hasEnded = true;
    });
  return {
    records,
    get hasEnded() {
      return hasEnded;
    },
    progress: () => reading.progress(),
    drop: (count) => {
      records.splice(0, count);
      resume?.();
    },
    stop: async () => {
      isStopping = true;
      resume?.();
      await reading.stop();
      await pulled;
    },
  };
}
