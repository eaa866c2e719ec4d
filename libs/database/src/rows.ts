/**
 * Rows as one JSON parameter for `json_to_recordset`. Postgres plans it as a hundred rows whatever it holds, so one
 * generic plan serves every batch; an array parameter would bring its length into the plan.
 */
export function asJson(rows: unknown): string {
  return JSON.stringify(rows);
}
