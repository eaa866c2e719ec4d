/** A value of JSON. Undefined members are left out when written. */
export type Json = string | number | boolean | null | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json | undefined;
}

/** `JSON.rawJSON` is in Node since version 21 but not yet in the library types we compile with. */
const rawJson = (JSON as unknown as { rawJSON: (text: string) => JsonObject }).rawJSON;

/** A number written digit for digit: Meta's template ids are bare numbers beyond 2^53. */
export function bareNumber(text: string): Json {
  return rawJson(text);
}

const escaped = /[/\u007f-\uffff]/g;

/** Writes JSON as Meta does: whatever is not ASCII as `\uXXXX` with lowercase digits, and `/` as `\/`. */
export function serialise(value: Json): string {
  return JSON.stringify(value).replace(escaped, (character) =>
    character === "/" ? "\\/" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
