import { endAsSpam } from "../src/index.ts";
import { load } from "./world-agents.ts";
import { openOnes } from "./world-sessions.ts";
import type { RuleWorld, WorldConversation } from "./world-state.ts";

/** Blocks a contact and ends all that it has open, or unblocks it. */
export function flipBlock(world: RuleWorld, contactId: string | undefined): void {
  if (contactId === undefined || world.blocked.delete(contactId)) return;
  for (const open of openOnes(world)) if (open.contactId === contactId) endAsSpamIn(world, open);
  world.blocked.set(contactId, world.now);
}

export function endAsSpamIn(world: RuleWorld, conversation: WorldConversation | undefined): void {
  if (conversation === undefined || typeof endAsSpam(conversation.state, null) !== "string") return;
  if (conversation.state === "active") load(world, conversation.agentId, -1);
  conversation.state = "closed";
}
