export type JsonRecord = Record<string, unknown>;

/** A feature of Node 24 that the compiler's library does not describe yet: numbers kept as their text. */
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): boolean;
};

/**
 * A number that a double may harm: 16 or more digits, an exponent, a negative zero. The first expression finds it
 * anywhere in a text (and now and then in a string, which only costs time), the last is the same for one token.
 */
const HARMFUL_NUMBER = /[:,[]\s*-?(?:\d[\d.]{15,}|\d+(?:\.\d+)?[eE]|(?<=-)0(?![\d.]))/;
/** A text that is a number and nothing else; as an alternative in the expression above it would double its cost. */
const BARE_NUMBER = /^\s*-?\d/;
const HARMFUL_TOKEN = /^-?(?:\d[\d.]{15,}|\d+(?:\.\d+)?[eE]|(?<=-)0$)/;

/**
 * Parses JSON so that `JSON.stringify` gives every number back with the digits it came with, template ids beyond 2^53
 * included. Such a number is an opaque object, not a `number`. Throws a `SyntaxError`.
 */
export function parseExactJson(text: string): unknown {
  if (!HARMFUL_NUMBER.test(text) && !BARE_NUMBER.test(text)) return JSON.parse(text);
  return json.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && HARMFUL_TOKEN.test(source) ? json.rawJSON(source) : value,
  );
}

/** Returns whether a parsed value is an object with properties: not an array, null, or a number kept as text. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !json.isRawJSON(value);
}

/** Returns whether a parsed value is a number that was kept as text, because a double would harm it. */
export function isRawNumber(value: unknown): value is object {
  return json.isRawJSON(value);
}

/** Returns the number that a value is, or that its text writes. NaN for everything else: an object may refuse to become one. */
export function toNumber(value: unknown): number {
  if (isRawNumber(value)) return Number(JSON.stringify(value));
  const isNumber = typeof value === "number" || (typeof value === "string" && value.trim() !== "");
  return isNumber ? Number(value) : Number.NaN;
}

/** Far deeper than anything that Meta sends. */
const DEPTH_MAX = 500;

/** Returns whether a JSON text is nested so deep that reading or writing it may exceed the stack. */
export function isNestedDeep(text: string): boolean {
  let depth = 0;
  let isInText = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '"') isInText = !isInText;
    else if (isInText) index += character === "\\" ? 1 : 0;
    else if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    if (depth > DEPTH_MAX) return true;
  }
  return false;
}

/** Returns JSON with sorted keys, so that the same content always gives the same text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`);
  return `{${members.join(",")}}`;
}

const PLAIN = /^[\x21-\x7e]+$/;

/** Returns an id that is safe to compare, index and store: visible ASCII, bounded. Null for anything else. */
export function plainId(value: unknown, lengthMax = 512): string | null {
  return typeof value === "string" && value.length <= lengthMax && PLAIN.test(value) ? value : null;
}
