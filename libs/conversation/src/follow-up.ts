import { whyIneligible, type AgentLoad, type PresenceRule } from "./eligibility.ts";

/** How a conversation was closed, of which what the customer writes soon after is the rest. */
export interface Closing {
  conversationId: string;
  groupId: string;
  agentId: string;
  closedAt: Date;
  /** The confirmed ticket link; null without one. */
  ticket: { ticketId: string; ticketNumber: number } | null;
  /** How long its group gives what follows to the same agent, in seconds; 0: not at all. */
  followUpSeconds: number;
}

/** Returns whether what a customer says at `now` follows the closing: thanks, most often, or something forgotten. */
export function isFollowUp({ closedAt, followUpSeconds }: Closing, now: Date): boolean {
  return followUpSeconds > 0 && now.getTime() < closedAt.getTime() + followUpSeconds * 1000;
}

/** Returns whether the agent who closed gets what follows now: it is there. That it has all it takes is no reason against it. */
export function canFollowUp(agent: AgentLoad, presence: PresenceRule, now: Date): boolean {
  const why = whyIneligible(agent, presence, now);
  return why === null || why === "full";
}
