import { parse } from "postgres-array";

/**
 * The array types of our statements, by the numbers that they have in every database. Otherwise the driver would ask
 * each new database for them, and a failure of that question would end the process. Source: PostgreSQL,
 * `src/include/catalog/pg_type.dat`.
 */
export const ARRAY_TYPES = {
  integers: arrayType(1007, Number),
  bigints: arrayType(1016, Number),
  texts: arrayType(1009, String),
  uuids: arrayType(2951, String),
};

/** The type of a value here, by the names above. */
export type ArrayTypes = { [name in keyof typeof ARRAY_TYPES]: ReturnType<(typeof ARRAY_TYPES)[name]["parse"]> };

function arrayType<T extends string | number>(oid: number, parseElement: (text: string) => T) {
  return {
    to: oid,
    from: [oid],
    parse: (text: string): (T | null)[] => parse(text, parseElement),
    serialize: (elements: readonly (T | null)[]) => `{${elements.map(quote).join(",")}}`,
  };
}

function quote(element: string | number | null): string {
  if (element === null) return "null";
  return `"${String(element).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
