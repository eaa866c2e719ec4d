import { isFull, type AgentLoad } from "./eligibility.ts";
import { refuseOnConversation, refuseUnpermitted, type Asker, type HeldConversation } from "./permission.ts";
import { refuse, type Refusal } from "./refusal.ts";

/** What claiming and receiving a conversation need to know of an agent. */
export type ClaimingAgent = Pick<AgentLoad, "agentId" | "capacity" | "activeCount"> & { groupIds: readonly string[] };

/** Returns why the asker may not claim for the agent, in this group or wherever something waits; null where it may. */
export function refuseClaimFor(asker: Asker, agent: ClaimingAgent, groupId: string | null = null): Refusal | null {
  // A program acts in its own groups only, also for an agent who is of more.
  const groupIds = asker.kind === "service" && groupId !== null ? [groupId] : agent.groupIds;
  return refuseUnpermitted(asker, "claim-for", { agentIds: [agent.agentId], groupIds });
}

/** Why the agent may not claim a conversation of the group now, for the one who asks; null where it may. */
export function refuseClaim(asker: Asker, agent: ClaimingAgent, groupId: string): Refusal | null {
  const denied = refuseClaimFor(asker, agent, groupId);
  if (denied !== null) return denied;
  if (!agent.groupIds.includes(groupId)) {
    return refuse("not-a-member", "The agent is not a member of the group in which the conversation waits.", {
      groupId,
    });
  }
  return refuseFull(agent);
}

/**
 * Returns why a template may not open a conversation for the agent who sends it, or null where it may. Who may force a
 * transfer to an agent that is full may force this too.
 */
export function refuseOpening(
  asker: Asker,
  agent: ClaimingAgent,
  expired: HeldConversation,
  force: boolean,
): Refusal | null {
  return force ? refuseOnConversation(asker, "force-transfer", expired) : refuseFull(agent);
}

function refuseFull(agent: ClaimingAgent): Refusal | null {
  if (!isFull(agent)) return null;
  const { activeCount, capacity } = agent;
  return refuse("agent-full", `The agent has ${activeCount} active conversations and takes ${capacity} at most.`, {
    activeCount,
    capacity,
  });
}

/**
 * Returns the refusal of a claim of a conversation that does not wait: who has it and since when, or what became of it.
 */
export function refuseTaken(conversation: {
  state: string;
  agentId: string | null;
  agentName: string | null;
  assignedAt: Date | null;
}): Refusal {
  const { state, agentId, agentName, assignedAt } = conversation;
  if (state === "active") {
    const at = assignedAt?.toISOString();
    return refuse("conversation-taken", `${agentName} took this conversation at ${at}. Claim another one.`, {
      agentId,
      agentName,
      assignedAt: at,
      by: agentName,
      at,
    });
  }
  return refuse("conversation-not-open", `This conversation is ${state}; only one that waits can be claimed.`, {
    state,
  });
}
