import type { WriteStream } from "node:tty";

/** Where the live flow is shown: lines that scroll, and a panel below them that is redrawn in place on a terminal. */
export interface Screen {
  /** A line that stays. */
  log(line: string): void;
  /** Replaces the panel; elsewhere than on a terminal it does nothing. */
  panel(lines: readonly string[]): void;
  /** Leaves the cursor below what is shown. */
  end(): void;
  readonly isTerminal: boolean;
}

const LOG_LINES_EACH_SECOND_MAX = 3;

/** `stamp` gives what stands before each line. */
export function createScreen(output: WriteStream, stamp: () => string): Screen {
  const isTerminal = output.isTTY && process.env["TERM"] !== "dumb";
  let shown: readonly string[] = [];
  let isDrawn = false;
  const fit = (line: string) => (line.length >= output.columns ? `${line.slice(0, output.columns - 2)}…` : line);
  const erase = () => {
    if (isDrawn) output.write(`\u001B[${shown.length}A\u001B[J`);
    isDrawn = false;
  };
  const draw = () => {
    if (!isTerminal || shown.length === 0) return;
    output.write(`${shown.map(fit).join("\n")}\n`);
    isDrawn = true;
  };
  return {
    isTerminal,
    log: (line) => {
      erase();
      output.write(`${stamp()}  ${line}\n`);
      draw();
    },
    panel: (lines) => {
      erase();
      // A panel taller than the terminal could not be erased again.
      shown = ["", ...lines].slice(0, Math.max(1, (output.rows ?? 24) - 2));
      draw();
    },
    end: () => {
      isDrawn = false;
    },
  };
}

/**
 * Lets through a few lines a second and counts the others, so that a burst stays readable. `report` gets the count of
 * what was left out, once a second at most.
 */
export function createLineLimit(write: (line: string) => void): { add(line: string): void; tick(): void } {
  let written = 0;
  let leftOut = 0;
  return {
    add: (line) => {
      if (written < LOG_LINES_EACH_SECOND_MAX) write(line);
      else leftOut += 1;
      written += 1;
    },
    tick: () => {
      if (leftOut > 0) write(`… and ${leftOut} more`);
      written = 0;
      leftOut = 0;
    },
  };
}
