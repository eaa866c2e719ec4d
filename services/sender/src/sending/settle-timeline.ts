import { openSettlement, READ_KIND, settleUnknown, type SettlementContext } from "@turno/conversation";
import { readDatabaseTimeline, type Sql, type Transaction } from "@turno/database";
import { SETS_NOTHING_ASIDE, type SetAside } from "@turno/runtime";
import { lockSends } from "./lock-sends.ts";
import { writeSettlement } from "./write-settlement.ts";

const BATCH_SIZE_MAX = 256;
const CAUSE = "the database was restored to a copy from before it";

/**
 * Ends the pause of sending that a new timeline begins with. A message that waits in a restored database may long be with
 * Meta: the statuses that lie in the log say so, because they bear its id. So nothing is sent before all of them that came
 * until the timeline began have taken effect. What still waits then becomes unknown, as after any call whose outcome is not
 * known: a later status settles it, and it is not sent again by itself. A read receipt may be repeated, so it goes on waiting.
 *
 * Returns the number of messages that became unknown, or null where sending is still paused, or was not.
 */
export async function settleTimeline(
  sql: Sql,
  context: SettlementContext,
  /** Messages that a defect follows from. Meta may have them, so sending stays paused until they are given up too. */
  setAside: SetAside = SETS_NOTHING_ASIDE,
): Promise<number | null> {
  const id = await readDatabaseTimeline(sql);
  const [timeline] = await sql<{ areStatusesIn: boolean }[]>`
    select (
        select count(*) > 0 and count(*) = count(watermark_at) and min(watermark_at) >= began_at
        from log_positions where consumer = 'sender'
      ) as "areStatusesIn"
    from database_timeline where id = ${id} and sends_settled_at is null`;
  if (timeline?.areStatusesIn !== true) return null;
  let total = 0;
  for (;;) {
    const ids = await listWaiting(sql, id, setAside.keys);
    if (ids.length === 0) break;
    await setAside.run(ids, String, async (some) => {
      await sql.begin((tx) => giveUp(tx, some, context));
      total += some.length;
    });
  }
  if (setAside.keys.length > 0) return null;
  await sql`
    update database_timeline set sends_settled_at = turno_now() where id = ${id} and sends_settled_at is null`;
  return total;
}

/** Lists messages from before a timeline. Its beginning stays in the database, whose times are finer than ours. */
async function listWaiting(sql: Sql, timelineId: string, without: readonly string[]): Promise<string[]> {
  const found = await sql<{ id: string }[]>`
    select id from sends
    where state = 'waiting' and kind <> ${READ_KIND} and id <> all(${[...without]}::uuid[])
      and created_at <= (select began_at from database_timeline where id = ${timelineId})
    limit ${BATCH_SIZE_MAX}`;
  return found.map(({ id }) => id);
}

async function giveUp(tx: Transaction, ids: readonly string[], context: SettlementContext): Promise<void> {
  const locked = await lockSends(tx, { ids: [...ids], wamids: [], mayFail: false });
  const settlement = openSettlement(locked);
  for (const send of locked.sends) {
    if (send.state === "waiting") settleUnknown(settlement, send, CAUSE, context);
  }
  await writeSettlement(tx, settlement, locked.conversations, context.tryWaits);
}
