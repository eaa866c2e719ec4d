import { customType, timestamp } from "./drizzle.ts";

/** A column that holds an instant. */
export const at = (name: string) => timestamp(name, { withTimezone: true });

// The driver writes and reads these. Drizzle's own kinds would make texts of them first, which it would write as such.
export const json = customType<{ data: unknown }>({ dataType: () => "json" });
export const bigints = customType<{ data: number[] }>({ dataType: () => "bigint[]" });
export const uuids = customType<{ data: string[] }>({ dataType: () => "uuid[]" });
export const texts = customType<{ data: string[] }>({ dataType: () => "text[]" });
