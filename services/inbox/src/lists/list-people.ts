import { isNull, typed, type Sql } from "@turno/database";
import { agents } from "@turno/database/schema";

const PEOPLE_MAX = 200;

/** Lists everybody by name, for where anybody may enter as anybody: the local stack and tests. */
export async function listPeople(sql: Sql): Promise<{ id: string; name: string; role: string }[]> {
  const { id, name, role, deactivatedAt } = agents;
  return typed(sql)
    .select({ id, name, role })
    .from(agents)
    .where(isNull(deactivatedAt))
    .orderBy(name, id)
    .limit(PEOPLE_MAX);
}
