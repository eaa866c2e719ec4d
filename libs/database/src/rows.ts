/**
 * Returns rows as one JSON parameter for `json_to_recordset`. Postgres plans it as a hundred rows whatever it holds, so
 * one generic plan serves every batch; an array parameter would bring its length into the plan.
 */
export function asJson(rows: unknown): string {
  return JSON.stringify(rows);
}

/**
 * Returns JSON texts as one parameter for `turno_lines`, beside the rows that they belong to. As strings within the
 * rows' JSON they would be escaped here and read twice there, and could not hold U+0000. Throws if one of them has a
 * line break, which JSON never needs.
 */
export function asLines(texts: readonly string[]): string {
  const broken = texts.find((text) => text.includes("\n"));
  if (broken !== undefined) throw new TypeError("a JSON text with a line break cannot go as a line");
  return texts.join("\n");
}
