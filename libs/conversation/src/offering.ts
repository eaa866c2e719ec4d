import type { Asker } from "./permission.ts";
import { refuse, type Refusal } from "./refusal.ts";
import type { ConversationState } from "./sending.ts";

/** The rules by which an agent gets what it did not ask for. What somebody gives or takes is not offered first. */
const OFFERED_BY: ReadonlySet<string> = new Set(["turn", "returning"]);

/**
 * Returns until when a conversation that is given to an agent is only offered to it, or null where it has it at once: the
 * group does not ask for that, or somebody gave or took it.
 */
export function offerOf(rule: string, offerSeconds: number, now: Date): Date | null {
  if (offerSeconds === 0 || !OFFERED_BY.has(rule)) return null;
  return new Date(now.getTime() + offerSeconds * 1000);
}

export interface OfferedConversation {
  state: ConversationState;
  /** Until when its agent may accept or decline it; null where it has done so, or need not. */
  offeredUntil: Date | null;
}

export const isOffered = ({ state, offeredUntil }: OfferedConversation): boolean =>
  state === "active" && offeredUntil !== null;

/** Returns why nobody works on a conversation before its agent has accepted it, or null. Programs go on with it. */
export function refuseOffered(asker: Asker, conversation: OfferedConversation): Refusal | null {
  if (asker.kind === "service" || !isOffered(conversation)) return null;
  const until = conversation.offeredUntil?.toISOString() ?? null;
  const message = `This conversation is offered to its agent until ${until}: it has to be accepted first.`;
  return refuse("conversation-offered", message, { until });
}

/** Returns why the agent can neither accept nor decline the conversation, or null where it can. */
export function refuseAnswerToOffer(
  agentId: string,
  conversation: OfferedConversation & { agentId: string | null },
): Refusal | null {
  if (isOffered(conversation) && conversation.agentId === agentId) return null;
  return refuse("not-offered", "This conversation is not offered to the agent any more.", {
    state: conversation.state,
    agentId: conversation.agentId,
  });
}

/** Returns whether who has let so many offers in a row lapse goes away by itself; 0: never. */
export const goesAway = (missed: number, missedMax: number): boolean => missedMax > 0 && missed >= missedMax;
