import { isFull, whyIneligible, type AgentLoad, type Ineligibility } from "./eligibility.ts";

export interface Member extends AgentLoad {
  /** The number of the last turn it took in this group, or that the group had reached when it joined. */
  lastTurn: number;
}

export interface WaitingConversation {
  conversationId: string;
  queuedAt: Date;
  /** The agent this customer had last, where the group gives returning customers back. */
  returningAgentId: string | null;
  /** The agent it came back from: it does not go there again. */
  requeuedFromAgentId: string | null;
}

export interface Rotation {
  /** How many turns were taken in the group so far. */
  turn: number;
  /** The first turn of the current round; in a round each eligible agent takes one turn. */
  roundTurn: number;
}

export interface Assignment {
  conversationId: string;
  agentId: string;
  reason: {
    rule: "turn" | "returning";
    turn: number;
    candidates: string[];
    leftOut: { agentId: string; why: Ineligibility }[];
  };
}

export interface Distribution {
  assignments: Assignment[];
  rotation: Rotation;
  /** When the first conversation that still waits for its own agent may go to anybody; null where none does. */
  deferredUntil: Date | null;
}

/** How many agents of each kind an assignment's reason names. */
const REASON_AGENTS_MAX = 20;

/**
 * Gives waiting conversations, in the order given, to members in turn: each to the eligible agent whose last turn is
 * longest ago. Turns only grow, so taking one puts an agent behind all others, and among agents that stay eligible the
 * counts never differ by more than one; who comes back from away gets one early turn at most, not what it missed.
 *
 * A returning customer goes to its last agent where that agent has not yet had its turn in this round: the turn is
 * taken early, so fairness holds. Where the agent is only full, the conversation waits for it `returningWaitMs` at most.
 */
export function distribute(input: {
  members: readonly Member[];
  waiting: readonly WaitingConversation[];
  rotation: Rotation;
  needsPresence: boolean;
  returningWaitMs: number;
  now: Date;
}): Distribution {
  const { turn, roundTurn } = input.rotation;
  const state: State = { turn, roundTurn, eligible: [], leftOut: [] };
  for (const member of input.members.toSorted(byLastTurn)) {
    const why = whyIneligible(member, input.needsPresence, input.now);
    if (why === null) state.eligible.push({ ...member });
    else state.leftOut.push({ agentId: member.agentId, why });
  }

  const assignments: Assignment[] = [];
  let deferredUntil: Date | null = null;
  for (const conversation of input.waiting) {
    if (state.eligible.length === 0 && input.returningWaitMs === 0) break;
    const mayWaitUntil = new Date(conversation.queuedAt.getTime() + input.returningWaitMs);
    const own = conversation.returningAgentId;
    if (own !== null && mayWaitUntil > input.now && isOnlyFull(state, own)) {
      if (deferredUntil === null || mayWaitUntil < deferredUntil) deferredUntil = mayWaitUntil;
      continue;
    }
    const assignment = give(state, conversation);
    if (assignment !== null) assignments.push(assignment);
  }
  return { assignments, rotation: { turn: state.turn, roundTurn: state.roundTurn }, deferredUntil };
}

interface State extends Rotation {
  /** Longest-ago turn first. */
  eligible: Member[];
  leftOut: { agentId: string; why: Ineligibility }[];
}

function byLastTurn(a: Member, b: Member): number {
  return a.lastTurn - b.lastTurn || (a.agentId < b.agentId ? -1 : 1);
}

function isOnlyFull(state: State, agentId: string): boolean {
  return state.leftOut.some((agent) => agent.agentId === agentId && agent.why === "full");
}

function give(state: State, conversation: WaitingConversation): Assignment | null {
  const candidates = state.eligible.filter((agent) => agent.agentId !== conversation.requeuedFromAgentId);
  const next = candidates[0];
  if (next === undefined) return null;
  if (next.lastTurn >= state.roundTurn) state.roundTurn = state.turn + 1;

  const own = candidates.find((agent) => agent.agentId === conversation.returningAgentId);
  const isOwnTurnOpen = own !== undefined && own.lastTurn < state.roundTurn;
  const chosen = isOwnTurnOpen ? own : next;

  const reason: Assignment["reason"] = {
    rule: isOwnTurnOpen ? "returning" : "turn",
    turn: state.turn + 1,
    candidates: candidates.slice(0, REASON_AGENTS_MAX).map((agent) => agent.agentId),
    leftOut: leftOutFor(state, conversation).slice(0, REASON_AGENTS_MAX),
  };
  takeTurn(state, chosen);
  return { conversationId: conversation.conversationId, agentId: chosen.agentId, reason };
}

function leftOutFor(state: State, conversation: WaitingConversation): { agentId: string; why: Ineligibility }[] {
  const from = state.eligible.find((agent) => agent.agentId === conversation.requeuedFromAgentId);
  return from === undefined ? state.leftOut : [{ agentId: from.agentId, why: "requeued-from" }, ...state.leftOut];
}

function takeTurn(state: State, agent: Member): void {
  state.turn += 1;
  agent.lastTurn = state.turn;
  agent.activeCount += 1;
  state.eligible.splice(state.eligible.indexOf(agent), 1);
  if (isFull(agent)) state.leftOut = [...state.leftOut, { agentId: agent.agentId, why: "full" }];
  else state.eligible.push(agent);
}
