/**
 * Calls `end` once when this process is to end: at Ctrl-C, `kill`, a closed terminal, or the end of the process that
 * started it. Later requests count as the same one.
 */
export function onEndRequested(end: (reason: string) => void): void {
  let isAsked = false;
  const ask = (reason: string) => {
    if (isAsked) return;
    isAsked = true;
    end(reason);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => ask(signal));
  process.once("disconnect", () => ask("the starter is gone"));
}
