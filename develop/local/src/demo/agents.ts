import { OPEN_USER, type CommandInput, type CommandVerb, type Envelope, type RefusalAnswer } from "@turno/contracts";
import { requestCommand, type Connection } from "@turno/messaging";
import { SEED_AGENTS, BILLING_GROUP, CAPACITY } from "../seed.ts";
import { createDesk, type Case, type Desk, type DeskStep } from "./desk.ts";

const TICK_MS = 200;
const STEPS_EACH_TICK_MAX = 4;
const CLAIM_SECONDS = [3, 7] as const;
const CONFIRMED_SHARE = 0.8;
const LINKED_SHARE = 0.15;
const SAYINGS = [
  "Hello, I am looking into it.",
  "Thank you, I have found your order.",
  "It is on its way; you get it tomorrow.",
  "Is there anything else I can do for you?",
];
const SUBJECTS = ["Where is my order", "A question about an invoice", "Change of address", "Something is broken"];
const REASONS = ["knows the case", "speaks the language", "end of shift"];

/**
 * Programs that play the agents of the demo. They know what events say and act by commands alone, like every other service
 * may; nothing of the product knows of them.
 */
export interface DemoAgents {
  note(event: Pick<Envelope, "type" | "data">): void;
  /** They act from now on. Before, they only take note of what happened. */
  start(): void;
  stop(): Promise<void>;
}

export interface DemoAgentsOptions {
  connection: Connection;
  random: () => number;
  /** Share of conversations that are left to the customer and so may expire. */
  leaveShare: number;
  onRefused(agentName: string, verb: CommandVerb, refusal: RefusalAnswer): void;
}

type Ask = <V extends CommandVerb>(verb: V, input: CommandInput<V>) => Promise<boolean>;

interface Worker extends DemoAgentsOptions {
  desk: Desk;
  /** By contact, the number of the ticket confirmed last, to link another conversation to. */
  tickets: Map<string, number>;
}

export function createDemoAgents(options: DemoAgentsOptions): DemoAgents {
  const desk = createDesk({ random: options.random, now: () => performance.now(), leaveShare: options.leaveShare });
  const worker: Worker = { ...options, desk, tickets: new Map() };
  const running = new Set<Promise<void>>();
  const claimDueAt = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  const run = (work: Promise<void>) => {
    const ended = work.finally(() => running.delete(ended));
    running.add(ended);
  };
  const tick = () => {
    for (const { taken, step } of desk.takeDue(STEPS_EACH_TICK_MAX)) run(takeStep(worker, taken, step));
    for (const { id } of SEED_AGENTS.filter(({ groupIds }) => groupIds.includes(BILLING_GROUP))) {
      if (performance.now() < (claimDueAt.get(id) ?? 0)) continue;
      const [least, most] = CLAIM_SECONDS;
      claimDueAt.set(id, performance.now() + (least + options.random() * (most - least)) * 1000);
      if (desk.waitingIn(BILLING_GROUP) > 0 && desk.activeOf(id) < CAPACITY) run(claim(worker, id));
    }
  };
  return {
    note: (event) => {
      desk.note(event);
      if (event.type !== "ticket.confirmed") return;
      const { contactId, ticketNumber } = event.data as { contactId: string; ticketNumber: number };
      worker.tickets.set(contactId, ticketNumber);
    },
    start: () => {
      timer = setInterval(tick, TICK_MS);
    },
    stop: async () => {
      clearInterval(timer);
      await Promise.all(running);
    },
  };
}

function pick<T>(random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

/** A service that is away is asked again later; a rule that says no is final. */
const AWAY_CODES = new Set(["unanswered", "unavailable"]);

/** Asks as this agent. True where it was done; a refusal is shown, and `onAway` told where nobody decided anything. */
function askAs(worker: Worker, agentId: string, onAway: () => void): Ask {
  const name = SEED_AGENTS.find(({ id }) => id === agentId)?.name ?? agentId;
  return async (verb, input) => {
    const reply = await requestCommand(worker.connection, verb, input).catch((error: Error) => ({
      refusal: { code: "unanswered", message: error.message },
    }));
    if (!("refusal" in reply)) return true;
    worker.onRefused(name, verb, reply.refusal);
    if (AWAY_CODES.has(reply.refusal.code)) onAway();
    return false;
  };
}

async function claim(worker: Worker, agentId: string): Promise<void> {
  const ask = askAs(worker, agentId, () => undefined);
  await ask("claim-next", { actor: { kind: "agent", agentId }, agentId, groupId: BILLING_GROUP });
}

async function takeStep(worker: Worker, of: Case, step: DeskStep): Promise<void> {
  const { random, desk } = worker;
  // What expired in a queue is anybody's of the group.
  const members = SEED_AGENTS.filter(({ groupIds }) => groupIds.includes(of.groupId)).map(({ id }) => id);
  const agentId = of.agentId ?? pick(random, members);
  const { conversationId } = of;
  const actor = { kind: "agent", agentId } as const;
  const ask = askAs(worker, agentId, () => desk.plan(of, step, [2, 5]));
  const send = (message: CommandInput<"send">["message"]) => ask("send", { actor, agentId, conversationId, message });
  switch (step) {
    case "answer": {
      if (!(await send({ type: "text", body: pick(random, SAYINGS) }))) return;
      of.answersLeft -= 1;
      // The customer may have written, or the case may have moved on, while the answer was on its way.
      if (of.due !== null || of.state !== "active" || of.plan === "leave") return;
      if (of.plan === "transfer") return desk.plan(of, "transfer", [2, 5]);
      return desk.plan(of, "close", of.answersLeft > 0 ? [12, 20] : [4, 7]);
    }
    case "transfer": {
      of.plan = "resolve";
      const others = members.filter((id) => id !== agentId);
      const to = random() < 0.5 ? { agentId: pick(random, others) } : { groupId: BILLING_GROUP };
      const isDone = await ask("transfer", { actor, conversationId, to, reason: pick(random, REASONS) });
      if (!isDone && of.due === null) desk.plan(of, "close", [5, 9]);
      return;
    }
    case "template": {
      const parameters = [{ type: "text", parameter_name: "name", text: "there" }];
      const components = [{ type: "body" as const, parameters }];
      const template = { type: "template", name: "resume_conversation", language: "en_US", components } as const;
      // For who has no room somebody asks who may force it, as an operator would.
      const force = desk.activeOf(agentId) >= CAPACITY;
      const by = force ? ({ kind: "service", name: OPEN_USER } as const) : actor;
      const isSent = await ask("send", { actor: by, agentId, conversationId, message: template, force });
      if (!isSent && of.due === null) desk.plan(of, "finalise", [5, 15]);
      return;
    }
    case "close":
    case "finalise": {
      const needsTicket = of.ticket !== "confirmed" && !of.isContinued;
      if (needsTicket && !(await settleTicket(worker, of, actor, ask))) return;
      await ask(step, { actor, conversationId });
    }
  }
}

/** Gives the conversation the ticket that it needs to end: the proposed one, one of the customer's, or a new one. */
async function settleTicket(
  { random, tickets }: Worker,
  { conversationId, contactId, ticket }: Case,
  actor: CommandInput<"close">["actor"],
  ask: Ask,
): Promise<boolean> {
  if (ticket === "proposed") {
    if (random() < CONFIRMED_SHARE) return ask("confirm-ticket-link", { actor, conversationId });
    if (!(await ask("reject-ticket-link", { actor, conversationId }))) return false;
  }
  const number = tickets.get(contactId);
  if (number !== undefined && random() < LINKED_SHARE) {
    return ask("link-ticket", { actor, conversationId, ticket: { number } });
  }
  return ask("create-ticket", { actor, conversationId, subject: pick(random, SUBJECTS) });
}
