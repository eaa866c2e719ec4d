/** A process of the stack: what it takes to notice its end and to start it again. */
export interface Part {
  name: string;
  /** Resolves with its last lines when the process that runs now ends by itself. */
  ended(): Promise<string>;
  restart(): Promise<void>;
}

const ENDS_MAX = 3;
const WITHIN_MS = 30_000;

/**
 * Starts a part again each time it ends, which is what an operator's platform does. Returns when the stack is
 * stopping; throws with the part's last lines where it ends again and again.
 */
export async function keepRunning(
  part: Part,
  options: { isStopping: () => boolean; onChange: (what: string) => void; now: () => number },
): Promise<void> {
  let ends: number[] = [];
  for (;;) {
    const lastLines = await part.ended();
    if (options.isStopping()) return;
    const now = options.now();
    ends = [...ends.filter((at) => now - at < WITHIN_MS), now];
    if (ends.length > ENDS_MAX) throw new Error(`${part.name} ends again and again:\n${lastLines}`);
    options.onChange(`${part.name} ended; starting it again`);
    await part.restart();
    options.onChange(`${part.name} is back`);
  }
}
