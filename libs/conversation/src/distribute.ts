import { isFull, whyIneligible, type AgentLoad, type Ineligibility, type PresenceRule } from "./eligibility.ts";

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
  /** Who let it lapse without an answer, the last one last: they get it again only where nobody else can take it. */
  lapsedAgentIds: readonly string[];
  /** When it last came back without being asked for; null where it did not. */
  lapsedAt: Date | null;
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
  presence: PresenceRule;
  returningWaitMs: number;
  now: Date;
}

export interface Distribution {
  assignments: Assignment[];
  rotation: Rotation;
  /** When the first conversation that waits for its own agent, or for who let it lapse, may go on; null if none waits so. */
  deferredUntil: Date | null;
  /** The `members` who were not eligible: nobody need look at them again until something in them changes. */
  ineligible: string[];
  /** Whether a member of the rotation may have room for more. */
  hasRoom: boolean;
}

/** How long who let a conversation lapse does not get it again, where nobody else can take it, in milliseconds. */
export const LAPSE_REST_MS = 60_000;

/** How many agents of each kind an assignment's reason names. */
export const REASON_AGENTS_MAX = 20;

/**
 * Gives waiting conversations, in the order given, to members in turn: each to the eligible agent whose last turn is
 * longest ago. Turns only grow, so taking one puts an agent behind all others, and among agents that stay eligible the
 * counts never differ by more than one; an agent that comes back from away gets one early turn at most, not what it missed.
 *
 * A returning customer goes to its last agent where that agent has not yet had its turn in this round: the turn is
 * taken early, so fairness holds. Where the agent is only full, the conversation waits for it `returningWaitMs` at most.
 *
 * Who let a conversation lapse gets it again only where no other member can take it, and not before `LAPSE_REST_MS` have
 * passed; of several who did, not the last one.
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
      deferredUntil = earlier(deferredUntil, mayWaitUntil);
      continue;
    }
    const candidates = candidatesFor(state, conversation, deciding.now);
    if (candidates instanceof Date) deferredUntil = earlier(deferredUntil, candidates);
    else if (candidates.length > 0) assignments.push(give(state, conversation, candidates));
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

function begin({ members, others, isWhole, rotation, presence, now }: Deciding): State {
  const { turn, roundTurn } = rotation;
  const eligible: Member[] = [];
  const behind = new Map<string, Member>();
  const leftOut: State["leftOut"] = [];
  for (const member of members.toSorted(byLastTurn)) {
    const why = whyIneligible(member, presence, now);
    if (why === null) eligible.push({ ...member });
    else leftOut.push({ agentId: member.agentId, why });
  }
  const ineligible = leftOut.map(({ agentId }) => agentId);
  for (const member of others) {
    const why = whyIneligible(member, presence, now);
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

const earlier = (one: Date | null, other: Date): Date => (one === null || other < one ? other : one);

/** Returns who may take it, whose turn it is first; or when those may to whom it comes back because there is nobody else. */
function candidatesFor(state: State, conversation: WaitingConversation, now: Date): Member[] | Date {
  const { requeuedFromAgentId, lapsedAgentIds, lapsedAt } = conversation;
  const hasLapsed = ({ agentId }: Member) => lapsedAgentIds.includes(agentId);
  const others = state.eligible.filter((agent) => agent.agentId !== requeuedFromAgentId && !hasLapsed(agent));
  // Members who are not known come before those who let it lapse.
  if (others.length > 0 || lapsedAt === null || !state.isWhole) return others;
  const lapsed = state.eligible.filter(({ agentId }) => isKeptFrom(conversation, agentId));
  if (lapsed.length === 0) return [];
  const mayReturnAt = new Date(lapsedAt.getTime() + LAPSE_REST_MS);
  if (now < mayReturnAt) return mayReturnAt;
  const last = lapsedAgentIds.at(-1) ?? requeuedFromAgentId;
  const rested = lapsed.filter(({ agentId }) => agentId !== last);
  return rested.length > 0 ? rested : lapsed;
}

function give(state: State, conversation: WaitingConversation, candidates: readonly Member[]): Assignment {
  const { conversationId, returningAgentId } = conversation;
  const [next] = candidates;
  if (next === undefined) throw new Error("a conversation is given to nobody");
  if (next.lastTurn >= state.roundTurn) state.roundTurn = state.turn + 1;

  const own = isKeptFrom(conversation, returningAgentId) ? undefined : findOwn(state, returningAgentId);
  const isOwnTurnOpen = own !== undefined && own.lastTurn < state.roundTurn;
  const chosen = isOwnTurnOpen ? own : next;

  const leftOut = leftOutFor(state, conversation, candidates);
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

function leftOutFor(
  state: State,
  conversation: WaitingConversation,
  candidates: readonly Member[],
): { agentId: string; why: Ineligibility }[] {
  const from = state.eligible.filter((agent) => isKeptFrom(conversation, agent.agentId) && !candidates.includes(agent));
  return [...from.map(({ agentId }) => ({ agentId, why: "requeued-from" as const })), ...state.leftOut];
}

/** Whether it came back from the agent, so that another one gets it where there is one. */
export function isKeptFrom(
  { requeuedFromAgentId, lapsedAgentIds }: Pick<WaitingConversation, "requeuedFromAgentId" | "lapsedAgentIds">,
  agentId: string | null,
): boolean {
  return agentId !== null && (agentId === requeuedFromAgentId || lapsedAgentIds.includes(agentId));
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
