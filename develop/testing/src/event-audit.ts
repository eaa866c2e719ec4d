import { EVENTS } from "@turno/contracts";
import type postgres from "postgres";

interface EventRow {
  position: string;
  id: string;
  type: string;
  namesMessage: boolean;
  data: Record<string, unknown>;
}

const PAGE = 5_000;
const NAMED_MAX = 5;

/** Strict, because the compiler sees no field too many where an object is made of others. */
const CONTRACTS = new Map(
  Object.entries(EVENTS).map(([type, { data }]) => [
    type,
    { data: data.strict(), hasContent: Object.hasOwn(data.shape, "content") },
  ]),
);

/** Parses each event of a test's database with its contract. Returns what does not fit, some of it by its id. */
export async function auditEvents(sql: postgres.Sql): Promise<string[]> {
  const [table] = await sql<{ isThere: boolean }[]>`select to_regclass('events') is not null as "isThere"`;
  if (table?.isThere !== true) return [];
  const faults: string[] = [];
  for (let after = "-1", rows: EventRow[] = []; faults.length < NAMED_MAX; after = rows.at(-1)?.position ?? after) {
    rows = await sql<EventRow[]>`
      select position::text, id, type, message_id is not null as "namesMessage", data
      from events where position > ${after} order by position limit ${PAGE}`;
    faults.push(...rows.flatMap((row) => faultOf(row) ?? []));
    if (rows.length < PAGE) break;
  }
  return faults.slice(0, NAMED_MAX);
}

/** Says how an event differs from its contract, or null. */
export function faultOf({ id, type, namesMessage, data }: Omit<EventRow, "position">): string | null {
  const contract = CONTRACTS.get(type);
  if (contract === undefined) return `${type} ${id}: no contract has this type`;
  if (contract.hasContent !== namesMessage) {
    return `${type} ${id}: ${namesMessage ? "names a message, and has no content" : "has content, and names no message"}`;
  }
  // The relay puts the message's payload there.
  const { error } = contract.data.safeParse(contract.hasContent ? { ...data, content: null } : data);
  if (error === undefined) return null;
  return `${type} ${id}: ${error.issues.map(({ path, message }) => `${path.join(".") || "data"}: ${message}`).join("; ")}`;
}
