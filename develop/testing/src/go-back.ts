import type { Sql } from "@turno/database";

/**
 * Keeps a copy of a test's own database inside it, and returns what puts it back: as a restore does, but while the
 * services stay connected, so that nothing tells them.
 */
export async function keepCopy(sql: Sql): Promise<(how?: { beginsTimeline: boolean }) => Promise<void>> {
  const tables = await sql<{ name: string; columns: string[] }[]>`
    select table_name as name, array_agg(column_name::text) as columns from information_schema.columns
    where table_schema = 'public' and is_generated = 'NEVER' group by table_name`;
  await sql.begin(async (tx) => {
    await tx`set transaction isolation level repeatable read`;
    await tx`create schema copy`;
    for (const { name } of tables) await tx`create table ${tx(`copy.${name}`)} as table ${tx(`public.${name}`)}`;
    await tx`create table copy.events_position as select last_value from events_position`;
  });
  return ({ beginsTimeline } = { beginsTimeline: false }) =>
    sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`truncate ${tx(tables.map(({ name }) => `public.${name}`))}`;
      for (const { name, columns } of tables) {
        await tx`
          insert into ${tx(`public.${name}`)} (${tx(columns)}) overriding system value
          select ${tx(columns)} from ${tx(`copy.${name}`)}`;
      }
      await tx`select setval('events_position', last_value) from copy.events_position`;
      if (beginsTimeline) await tx`select turno_begin_timeline()`;
    });
}
