import { isOutside, type GroupHours } from "@turno/conversation";
import type { Sql } from "@turno/database";
import { startLoop, type Loop } from "@turno/runtime";
import { overflows } from "./overflow.ts";

/** How late what waited is given out, or goes to another group, at most, beside the time that it takes. */
const LOOK_MS = 500;

/** The most conversations that one look moves out of a group. */
const LIMIT = 200;

interface WatchedGroup extends GroupHours {
  id: string;
  /** Since when the oldest that waits in it waits. */
  oldest: Date;
  overflowSeconds: number;
  /** The group that takes over what waits; null where there is none. */
  to: GroupHours | null;
  now: Date;
}

/**
 * Looks twice a second, by the rules' clock, at the groups with hours in which something waits, while this router is the
 * one that looks. What waits in a group that begins to work is given out; what has waited long enough in one that does not
 * goes to the group that takes over. It remembers which groups it has found at work, so it gives each out once; a router
 * that takes over gives out again what it finds, which changes nothing where nothing can be given.
 */
export function watchHours(
  sql: Sql,
  options: {
    isLooking: () => boolean;
    begin: (groupIds: readonly string[]) => void;
    overflow: (look: { groupId: string; limit: number }) => Promise<number>;
    onOverflowed: (count: number) => void;
    onFailure: (error: unknown) => void;
  },
): Loop {
  let atWork = new Set<string>();
  const run = async () => {
    if (!options.isLooking()) {
      atWork = new Set();
      return;
    }
    const groups = await readWatched(sql);
    const found = groups.filter((group) => !isOutside(group, group.now)).map(({ id }) => id);
    options.begin(found.filter((id) => !atWork.has(id)));
    atWork = new Set(found);
    for (const group of groups.filter(isDue)) {
      options.onOverflowed(await options.overflow({ groupId: group.id, limit: LIMIT }));
    }
  };
  return startLoop({ run, pauseMs: LOOK_MS, onFailure: options.onFailure });
}

const isDue = (group: WatchedGroup): boolean =>
  group.to !== null &&
  group.now.getTime() >= group.oldest.getTime() + group.overflowSeconds * 1000 &&
  overflows(group, group.to, group.now);

/** Its cost is that of the groups that look at hours and have something waiting: a row by index for each. */
function readWatched(sql: Sql): Promise<WatchedGroup[]> {
  return sql<WatchedGroup[]>`
    select groups.id, groups.outside_hours as "outsideHours", groups.hours, waiting.queued_at as oldest,
      groups.overflow_seconds as "overflowSeconds", (select turno_now()) as now,
      case when other.id is not null
        then json_build_object('outsideHours', other.outside_hours, 'hours', other.hours) end as "to"
    from groups cross join lateral (
      select queued_at from conversations where group_id = groups.id and state = 'queued' order by queued_at, id limit 1
    ) as waiting
    left join groups as other on other.id = groups.overflow_group_id
    where groups.outside_hours <> 'ignored' and groups.hours is not null`;
}
