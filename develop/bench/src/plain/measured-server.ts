import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

/** The same account of itself that our services give: processor time, and how much work was done. */
export function metricsText(counts: Readonly<Record<string, number>> = {}): string {
  const { user, system } = process.cpuUsage();
  const lines = Object.entries(counts).map(([name, count]) => `plain_${name}_total ${count}`);
  return `${[`process_cpu_seconds_total ${(user + system) / 1e6}`, ...lines].join("\n")}\n`;
}

/** Listens on a free port and says so, in the form that the benchmark waits for. */
export function serve(listener: RequestListener, counts: () => Readonly<Record<string, number>>): void {
  const server = createServer((request, response) => {
    if (request.url === "/metrics") return void response.end(metricsText(counts()));
    listener(request, response);
  });
  server.keepAliveTimeout = 75_000;
  server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
}

export function announce(port: number): void {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
}
