import type { Sql } from "@turno/database";

const PEOPLE_MAX = 200;

/** Lists everybody by name, for where anybody may enter as anybody: the local stack and tests. */
export async function listPeople(sql: Sql): Promise<{ id: string; name: string; role: string }[]> {
  return sql<{ id: string; name: string; role: string }[]>`
    select id, name, role from agents order by name, id limit ${PEOPLE_MAX}`;
}
