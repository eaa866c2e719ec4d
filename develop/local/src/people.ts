import { EVENTS } from "@turno/contracts";
import type { Connection } from "@turno/messaging";
import { messageOf } from "@turno/servers";
import { createRandom } from "@turno/simulator";
import type { Activity } from "./activity.ts";
import { createDemoAgents } from "./demo/agents.ts";
import { readHistory } from "./history.ts";
import type { Stack } from "./stack.ts";

const REFUSAL_LENGTH_MAX = 80;
/** Conversations left to the customer, at the speed at which a day passes in two minutes. */
const LEAVE_SHARE = 0.12;
const LEAVE_SHARE_SPEED = 720;
const LEAVE_SHARE_MAX = 0.35;

/** What is left to the customer holds an agent's place for a day of the rules' clock: the slower it runs, the fewer there may be. */
function leaveShare(speed: number): number {
  return Math.min(LEAVE_SHARE_MAX, (LEAVE_SHARE * speed) / LEAVE_SHARE_SPEED);
}

export interface PeopleOptions {
  stack: Stack;
  connection: Connection;
  /** Where refusals are counted. */
  activity: Activity;
  seed: number;
  hasAgents: boolean;
  log(line: string): void;
  onCleanup(cleanup: () => Promise<void>): void;
}

/** Lets agents and Meta learn what happened before; then the agents act and the customers write. */
export async function startPeople(options: PeopleOptions): Promise<void> {
  const { connection, activity } = options;
  const { clock, meta } = options.stack;
  const agents = createDemoAgents({
    connection,
    random: createRandom(options.seed + 3),
    leaveShare: leaveShare(clock.speed),
    onRefused: (agentName, verb, { code, message }) => {
      activity.refused += 1;
      options.log(`${agentName}: ${verb} refused (${code}): ${message.slice(0, REFUSAL_LENGTH_MAX)}`);
    },
  });
  const history = readHistory(connection, {
    onEvent: (event) => {
      agents.note(event);
      if (event.type !== "message.received") return;
      const { content, sentAt } = EVENTS["message.received"].data.parse(event.data);
      const { from_user_id: userId, from } = content as { from_user_id?: string; from?: string };
      meta.remember({ userId: userId ?? null, phone: from ?? null }, Date.parse(sentAt));
    },
    onFailure: (error) => options.log(`events cannot be read now: ${messageOf(error)}`),
  });
  options.onCleanup(() => history.stop());
  await history.caughtUp;
  if (options.hasAgents) {
    agents.start();
    options.onCleanup(() => agents.stop());
  }
  options.onCleanup(() => meta.stopTraffic());
  meta.startTraffic();
}
