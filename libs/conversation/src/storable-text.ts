/**
 * Returns a text as the database takes it: U+FFFD in place of U+0000 and of half a surrogate pair.
 * Source: PostgreSQL, "Character Types" and "JSON Types".
 */
export function toStorableText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}
