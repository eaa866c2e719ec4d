import type { CommandInput, CommandReply, CommandVerb } from "@turno/contracts";
import { requestCommand, type Connection } from "@turno/messaging";
import { pick, type Random } from "@turno/simulator";
import { setTimeout as pause } from "node:timers/promises";
import { ACTOR, agentsOf, PROVE_GROUPS } from "./people.ts";
import type { ProveStage } from "./stage.ts";

const EVERY_MS = 60;
const LOOK_EVERY_MS = 700;
const UNDER_WAY_MAX = 6;
const TIMEOUT_MS = 4_000;

/** What people were told: a command without an answer may or may not have been carried out. */
export interface Answered {
  /** Ids of what was to be sent. */
  readonly sends: string[];
  /** Ids of what claims came to. */
  readonly assignments: string[];
}

/** What people do while customers write. */
export interface Orders extends Answered {
  stop(): Promise<void>;
}

interface Conversation {
  id: string;
  groupId: string;
  agentId: string | null;
}

export function startOrders(stage: ProveStage, random: Random): Orders {
  const answered: Answered = { sends: [], assignments: [] };
  const underWay = new Set<Promise<void>>();
  let isStopping = false;
  let known: Conversation[] = [];
  const look = async () => {
    while (!isStopping) {
      try {
        known = await stage.sql<Conversation[]>`
          select id, group_id as "groupId", agent_id as "agentId" from conversations
          where state in ('queued', 'active') order by id desc limit 400`;
      } catch {
        // The database is away: what was known last does.
      }
      await pause(LOOK_EVERY_MS);
    }
  };
  const act = async () => {
    while (!isStopping) {
      await pause(EVERY_MS);
      if (underWay.size >= UNDER_WAY_MAX) continue;
      const scene = { connection: stage.connection, random, known, answered };
      const acting = pick(random, ACTS)(scene).finally(() => underWay.delete(acting));
      underWay.add(acting);
    }
  };
  const running = Promise.all([look(), act()]);
  return {
    ...answered,
    stop: async () => {
      isStopping = true;
      await running;
      await Promise.all(underWay);
    },
  };
}

interface ActScene {
  connection: Connection;
  random: Random;
  known: readonly Conversation[];
  answered: Answered;
}
type Act = (scene: ActScene) => Promise<void>;

async function ask<V extends CommandVerb>(
  { connection }: ActScene,
  verb: V,
  input: Omit<CommandInput<V>, "actor">,
): Promise<Extract<CommandReply<V>, { ok: true }> | null> {
  const request = { ...input, actor: ACTOR } as CommandInput<V>;
  try {
    const reply = await requestCommand(connection, verb, request, { timeoutMs: TIMEOUT_MS });
    return "ok" in reply ? reply : null;
  } catch {
    // Under a fault a command may get no answer; the judge counts only what was answered.
    return null;
  }
}

const send: Act = async (scene) => {
  const active = scene.known.filter(({ agentId }) => agentId !== null);
  if (active.length === 0) return;
  const { id, agentId } = pick(scene.random, active);
  const message = { type: "text" as const, body: "A la orden", previewUrl: false };
  const reply = await ask(scene, "send", { conversationId: id, agentId: agentId ?? "", message });
  if (reply !== null) scene.answered.sends.push(reply.sendId);
};

const claim: Act = async (scene) => {
  const { random, known } = scene;
  const agentId = pick(random, agentsOf("manual"));
  const waiting = known.filter(({ groupId, agentId: agent }) => groupId === PROVE_GROUPS.manual && agent === null);
  const isNext = waiting.length === 0 || random() < 0.5;
  const reply = isNext
    ? await ask(scene, "claim-next", { agentId, groupId: PROVE_GROUPS.manual })
    : await ask(scene, "claim", { agentId, conversationId: pick(random, waiting).id });
  if (reply !== null) scene.answered.assignments.push(reply.assignmentId);
};

const transfer: Act = async (scene) => {
  const { random, known } = scene;
  const busy = known.filter(({ groupId }) => groupId === PROVE_GROUPS.busy);
  if (busy.length === 0) return;
  const groupId = PROVE_GROUPS.busy;
  const to = random() < 0.5 ? { agentId: pick(random, agentsOf("busy")), groupId } : { groupId };
  await ask(scene, "transfer", { conversationId: pick(random, busy).id, to, force: false });
};

const comeOrGo: Act = async (scene) => {
  const availability = scene.random() < 0.7 ? ("available" as const) : ("away" as const);
  await ask(scene, "set-availability", { agentId: pick(scene.random, agentsOf("busy")), availability });
};

const ACTS: readonly Act[] = [send, send, send, send, claim, claim, claim, transfer, transfer, comeOrGo];
