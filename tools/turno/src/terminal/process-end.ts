/**
 * Calls `end` once when this process shall end: Ctrl-C, `kill`, a closed terminal, or the process that started this
 * one being gone. Later requests are taken for the same one.
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
