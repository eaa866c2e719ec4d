import { parseBrokerAddress } from "@turno/messaging";
import { formatDuration } from "@turno/turno/terminal/format-duration";
import { formatSpeed } from "./format.ts";
import { SEED_AGENTS } from "./seed.ts";
import type { StartSettings } from "./settings.ts";
import type { Stack } from "./stack.ts";

function withoutPassword(url: string): string {
  const shown = new URL(url);
  shown.password = "";
  return shown.href;
}

function describeClock({ speed, aheadMs }: Stack["clock"]): string {
  const ahead =
    aheadMs < 1000
      ? ""
      : `\n            It goes on from where it was, ${formatDuration(aheadMs)} ahead of the real one.`;
  if (speed === 1) return `real time${ahead}`;
  const pace = `${speed} times real time: ${formatSpeed(speed)}.`;
  return `${pace}${ahead}\n            Real time: npm start -- --speed 1`;
}

/** What a start says once all runs: what to try, where things are, and how fast the clock runs. */
export function describeStart(stack: Stack, curl: string, settings: StartSettings): string {
  const inboxUrl = stack.services.get("inbox")?.url ?? "";
  const agents = settings.hasAgents
    ? "demo agents answer, transfer, close, and send templates. Be one yourself: --no-agents"
    : "you: nobody answers but you (npm run turno)";
  return `
Turno is running. Ctrl-C stops all of it.

  post a webhook by hand:
    ${curl}

  the console, as one of the agents:       ${inboxUrl}/console
  the inbox's API, and Ana's token for it: ${inboxUrl}/docs
    curl -sS -X POST ${inboxUrl}/local/token/${SEED_AGENTS[0]?.id}

  watch what every other service sees:     npm run turno -- events
  groups, agents, who has how many:        npm run turno -- groups
  work on the manual queue:                npm run turno -- queue Billing
                                           npm run turno -- claim-next --as Fabio
                                           npm run turno -- transfer <conversation> --to-agent Gabi --as Fabio
  why this agent, why still waiting:       npm run turno -- why <conversation>
                                           npm run turno -- waiting <conversation>
  see turns pass somebody over:            npm run turno -- away Ana        (back: available Ana)

  NATS      ${parseBrokerAddress(stack.natsUrl).servers.join(", ")}
  Postgres  ${withoutPassword(stack.databaseUrl)}
  agents    ${agents}
  clock     ${describeClock(stack.clock)}
`;
}
