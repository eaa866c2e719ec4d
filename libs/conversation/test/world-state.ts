import type { Contact, Inbound, Member, OpenConversation } from "../src/index.ts";

export interface WorldConversation extends OpenConversation {
  state: "queued" | "active" | "expired" | "closed" | "failed";
  agentId: string | null;
  queuedAt: Date;
  continues: string | null;
  joinedIntoId: string | null;
  /** Until when it is only offered to its agent. */
  offeredUntil: Date | null;
  joinedAt: Date | null;
  closedAt: Date | null;
  lapsedAgentIds: string[];
  lapsedAt: Date | null;
}

export interface WorldSend {
  /** Whether it went out on what was only offered to its agent. */
  wasOffered: boolean;
  conversationId: string;
  type: "text" | "template";
  at: Date;
  isOpening: boolean;
  /** The end of the session by which it was let through. */
  sessionEndsAt: Date | null;
}

/** Everything in memory, moved only by the pure rules: the twin of what the database does. */
export interface RuleWorld {
  now: Date;
  /** How long the world's group offers; 0: not at all. */
  offerSeconds: number;
  conversations: Map<string, WorldConversation>;
  sends: WorldSend[];
  members: Member[];
  /** Since when who is deactivated. */
  deactivated: Map<string, Date>;
  rotation: { turn: number; roundTurn: number };
  keys: Set<string>;
  contacts: Map<string, Contact>;
  identities: Map<string, string>;
  retired: Set<string>;
  /** Since when contacts are blocked. */
  blocked: Map<string, Date>;
  messages: { key: string; conversationId: string | null }[];
  createId: () => string;
  lastWrite: Inbound | null;
}

export function createRuleWorld(agents: number, offerSeconds: number): RuleWorld {
  let last = 0;
  return {
    now: new Date("2026-11-23T00:00:00Z"),
    offerSeconds,
    conversations: new Map(),
    sends: [],
    members: Array.from({ length: agents }, (_, index) => ({
      agentId: `agent${index}`,
      availability: "available",
      capacity: 3,
      activeCount: 0,
      presentUntil: null,
      lastTurn: 0,
    })),
    deactivated: new Map(),
    rotation: { turn: 0, roundTurn: 0 },
    keys: new Set(),
    contacts: new Map(),
    identities: new Map(),
    retired: new Set(),
    blocked: new Map(),
    messages: [],
    createId: () => `id${++last}`,
    lastWrite: null,
  };
}
