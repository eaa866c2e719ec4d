import { isFull, whyIneligible, type AgentLoad, type Ineligibility } from "./eligibility.ts";

export interface Member extends AgentLoad {
  /** The number of the last turn it took in this group, or that the group had reached when it joined. */
  lastTurn: number;
}

export interface WaitingConversation {
  conversationId: string;
  queuedAt: Date;
  /** The agent this customer had last, if the group gives returning customers back. */
  returningAgentId: string | null;
  /** The agent that it came back from, who does not get it again. */
  requeuedFromAgentId: string | null;
}

export interface Rotation {
  /** The number of turns taken in the group so far. */
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
    /** Set only if there were, or may have been, more candidates or more who were left out than are named. */
    isCut?: true;
  };
}

/** What one group has to decide, and as much about its members as that takes: a group may have thousands. */
export interface Deciding {
  /** The members in the rotation, longest-ago turn first: all of them, or the first. */
  members: readonly Member[];
  /** Whether `members` are all. Otherwise nobody takes a second turn here, because unknown members come first. */
  isWhole: boolean;
  /** Further members: some of those who rest, and the last agents of returning customers. None of them is next in turn. */
  others: readonly Member[];
  waiting: readonly WaitingConversation[];
  rotation: Rotation;
  needsPresence: boolean;
  returningWaitMs: number;
  now: Date;
}

export interface Distribution {
  assignments: Assignment[];
  rotation: Rotation;
  /** When the first conversation that waits for its own agent may go to anybody; null if none waits so. */
  deferredUntil: Date | null;
  /** The `members` who were not eligible: nobody need look at them again until something in them changes. */
  ineligible: string[];
  /** Whether a member of the rotation may have room for more. */
  hasRoom: boolean;
}

/** How many agents of each kind an assignment's reason names. */
export const REASON_AGENTS_MAX = 20;

/**
 * Gives waiting conversations, in the order given, to members in turn: each to the eligible agent whose last turn is
 * longest ago. Turns only grow, so taking one puts an agent behind all others, and among agents that stay eligible the
 * counts never differ by more than one; an agent that comes back from away gets one early turn at most, not what it missed.
 *
 * A returning customer goes to its last agent where that agent has not yet had its turn in this round: the turn is
 * taken early, so fairness holds. Where the agent is only full, the conversation waits for it `returningWaitMs` at most.
 */
export function distribute(deciding: Deciding): Distribution {
  const state = begin(deciding);
  const assignments: Assignment[] = [];
  let deferredUntil: Date | null = null;
  for (const conversation of deciding.waiting) {
    if (state.eligible.length === 0 && deciding.returningWaitMs === 0) break;
    const mayWaitUntil = new Date(conversation.queuedAt.getTime() + deciding.returningWaitMs);
    const own = conversation.returningAgentId;
    if (own !== null && mayWaitUntil > deciding.now && isOnlyFull(state, own)) {
      if (deferredUntil === null || mayWaitUntil < deferredUntil) deferredUntil = mayWaitUntil;
      continue;
    }
    const assignment = give(state, conversation);
    if (assignment !== null) assignments.push(assignment);
  }
  const { turn, roundTurn, ineligible } = state;
  const hasRoom = state.eligible.length > 0 || !state.isWhole;
  return { assignments, rotation: { turn, roundTurn }, deferredUntil, ineligible, hasRoom };
}

/** Distributes in several groups, one after the other, because an agent of several of them has one capacity. */
export function distributeInGroups(groups: readonly Deciding[]): Distribution[] {
  const added = new Map<string, number>();
  const load = (member: Member): Member => ({
    ...member,
    activeCount: member.activeCount + (added.get(member.agentId) ?? 0),
  });
  return groups.map((group) => {
    const given = distribute({ ...group, members: group.members.map(load), others: group.others.map(load) });
    for (const { agentId } of given.assignments) added.set(agentId, (added.get(agentId) ?? 0) + 1);
    return given;
  });
}

interface State extends Rotation {
  isWhole: boolean;
  /** Longest-ago turn first. */
  eligible: Member[];
  /** Eligible, but behind members who are not known: they only take a turn for a customer of their own. */
  behind: Map<string, Member>;
  leftOut: { agentId: string; why: Ineligibility }[];
  ineligible: string[];
}

function begin({ members, others, isWhole, rotation, needsPresence, now }: Deciding): State {
  const { turn, roundTurn } = rotation;
  const eligible: Member[] = [];
  const behind = new Map<string, Member>();
  const leftOut: State["leftOut"] = [];
  for (const member of members.toSorted(byLastTurn)) {
    const why = whyIneligible(member, needsPresence, now);
    if (why === null) eligible.push({ ...member });
    else leftOut.push({ agentId: member.agentId, why });
  }
  const ineligible = leftOut.map(({ agentId }) => agentId);
  for (const member of others) {
    const why = whyIneligible(member, needsPresence, now);
    if (why === null) behind.set(member.agentId, { ...member });
    else leftOut.push({ agentId: member.agentId, why });
  }
  return { turn, roundTurn, isWhole, eligible, behind, leftOut, ineligible };
}

function byLastTurn(a: Member, b: Member): number {
  return a.lastTurn - b.lastTurn || (a.agentId < b.agentId ? -1 : 1);
}

function isOnlyFull(state: State, agentId: string): boolean {
  return state.leftOut.some((agent) => agent.agentId === agentId && agent.why === "full");
}

function give(state: State, conversation: WaitingConversation): Assignment | null {
  const { conversationId, returningAgentId, requeuedFromAgentId } = conversation;
  const candidates = state.eligible.filter((agent) => agent.agentId !== requeuedFromAgentId);
  const next = candidates[0];
  if (next === undefined) return null;
  if (next.lastTurn >= state.roundTurn) state.roundTurn = state.turn + 1;

  const own = returningAgentId === requeuedFromAgentId ? undefined : findOwn(state, returningAgentId);
  const isOwnTurnOpen = own !== undefined && own.lastTurn < state.roundTurn;
  const chosen = isOwnTurnOpen ? own : next;

  const leftOut = leftOutFor(state, conversation);
  const isCut = !state.isWhole || candidates.length > REASON_AGENTS_MAX || leftOut.length > REASON_AGENTS_MAX;
  const reason: Assignment["reason"] = {
    rule: isOwnTurnOpen ? "returning" : "turn",
    turn: state.turn + 1,
    candidates: candidates.slice(0, REASON_AGENTS_MAX).map((agent) => agent.agentId),
    leftOut: leftOut.slice(0, REASON_AGENTS_MAX),
    ...(isCut && { isCut }),
  };
  takeTurn(state, chosen);
  return { conversationId, agentId: chosen.agentId, reason };
}

function findOwn(state: State, agentId: string | null): Member | undefined {
  if (agentId === null) return undefined;
  return state.behind.get(agentId) ?? state.eligible.find((agent) => agent.agentId === agentId);
}

function leftOutFor(state: State, conversation: WaitingConversation): { agentId: string; why: Ineligibility }[] {
  const from = state.eligible.find((agent) => agent.agentId === conversation.requeuedFromAgentId);
  return from === undefined ? state.leftOut : [{ agentId: from.agentId, why: "requeued-from" }, ...state.leftOut];
}

function takeTurn(state: State, agent: Member): void {
  state.turn += 1;
  agent.lastTurn = state.turn;
  agent.activeCount += 1;
  state.eligible = state.eligible.filter(({ agentId }) => agentId !== agent.agentId);
  state.behind.delete(agent.agentId);
  if (isFull(agent)) state.leftOut = [...state.leftOut, { agentId: agent.agentId, why: "full" }];
  else if (state.isWhole) state.eligible.push(agent);
  else state.behind.set(agent.agentId, agent);
}
