import type { Actor, AssignmentReason } from "@turno/contracts";
import type { Move } from "@turno/conversation";
import { nameActor, type Transaction } from "@turno/database";

interface MoveRow {
  actor: Actor | null;
  from: Move["from"];
  to: Move["to"];
  sequence: number;
  agentId: string | null;
  rule: AssignmentReason["rule"] | null;
  at: Date;
}

const TRANSFER = ["conversation.transferred"];
const MOVES = [
  ...TRANSFER,
  "conversation.opened",
  "conversation.reopened",
  "conversation.started",
  "conversation.assigned",
];

/**
 * Reads from its timeline what brought a conversation to where it is. An assignment by transfer counts as the transfer.
 */
export async function readLastMove(tx: Transaction, conversationId: string): Promise<Move> {
  const move = await readMove(tx, conversationId, MOVES);
  if (move === null) throw new Error("a conversation has no beginning on its timeline");
  return move;
}

/** Reads the last transfer of a conversation, or null. */
export function readLastTransfer(tx: Transaction, conversationId: string): Promise<Move | null> {
  return readMove(tx, conversationId, TRANSFER);
}

async function readMove(tx: Transaction, conversationId: string, types: string[]): Promise<Move | null> {
  const [row] = await tx<MoveRow[]>`
    select data -> 'actor' as actor, data -> 'from' as "from", data -> 'to' as "to", sequence,
      data ->> 'agentId' as "agentId", data -> 'reason' ->> 'rule' as rule, occurred_at as at
    from events
    where entity_id = ${conversationId} and type = any(${types})
      and data -> 'reason' ->> 'rule' is distinct from 'transfer'
    order by sequence desc limit 1`;
  if (row === undefined) return null;
  const { at, sequence, from, to } = row;
  return { by: await nameMover(tx, row), at, sequence, from, to };
}

/**
 * Names who moved a conversation. An agent who claims, or sends the template that opens a conversation, moves it to
 * itself.
 */
function nameMover(tx: Transaction, { actor, agentId, rule }: MoveRow): Promise<string> {
  if (actor !== null) return nameActor(tx, actor);
  const isOwnDoing = agentId !== null && (rule === "claim" || rule === null);
  return nameActor(tx, isOwnDoing ? { kind: "agent", agentId } : { kind: "system" });
}
