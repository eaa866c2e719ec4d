import type { Transaction } from "../connection.ts";
import { LeaseLostFailure } from "../failure.ts";
import { asJson } from "../rows.ts";
import type { LogReader } from "./lease-partitions.ts";

export interface PositionMove {
  partition: number;
  from: number;
  to: number;
}

/**
 * Moves a reader's positions by compare-and-set, inside the transaction of the effects. This is the fence: if one of
 * the partitions has another owner or position, the whole transaction fails with a `LeaseLostFailure`.
 */
export async function movePositions(tx: Transaction, reader: LogReader, moves: readonly PositionMove[]): Promise<void> {
  if (moves.length === 0) return;
  const moved = await tx`
    update log_positions as position set sequence = move."to"
    from json_to_recordset(${asJson(moves)}::text::json) as move(partition int, "from" bigint, "to" bigint)
    where position.consumer = ${reader.consumer} and position.shard = ${reader.shard}
      and position.partition = move.partition and position.owner = ${reader.owner} and position.sequence = move."from"`;
  if (moved.count !== moves.length) {
    throw new LeaseLostFailure(`${moves.length - moved.count} of ${moves.length} partitions belong to another reader`);
  }
}
