import type { Sql } from "@turno/database";

/** Up to how many letters are counted. */
const COUNTED_MAX = 10_000;
/** The causes that the code names. What names a member of an update is `unreadable`: anybody's update may name any. */
const CAUSES = ["another-account", "another-number", "unknown-channel", "refused-by-database", "defect"] as const;
const UNREADABLE = "unreadable";

export const LETTER_CAUSES = [...CAUSES, UNREADABLE] as const;

export interface LetterFigure {
  cause: string;
  count: number;
}

/** Counts the dead letters of each kind of cause. */
export async function readLetterFigures(sql: Sql): Promise<LetterFigure[]> {
  return sql<LetterFigure[]>`
    select cause, count(*)::int as count
    from (
      select coalesce(
        (select known from unnest(${[...CAUSES]}::text[]) as known where starts_with(dead_letters.cause, known) limit 1),
        ${UNREADABLE}::text) as cause
      from dead_letters limit ${COUNTED_MAX}
    ) as letter
    group by cause`;
}
