import { pick, type Random } from "@turno/simulator";
import { isRecord, parseExactJson, type JsonRecord } from "@turno/whatsapp";
import { ODD_NAMES, ODD_TEXTS } from "./odd-values.ts";

/** Where a mutation takes from what is not its own. */
export interface Stock {
  random: Random;
  /** Another value, out of another input. */
  donate(): unknown;
  /** The name of a member, out of another input. */
  donateName(): string;
}

interface Slot {
  holder: unknown[] | JsonRecord;
  key: string | number;
}

const NODES_MAX = 2_000;
const DEPTHS = [3, 12, 70, 900, 3_000];
const INNER_DEPTH_MAX = 3;

const below = (random: Random, count: number) => Math.floor(random() * count);

/** Changes a value in a few places and returns it. Never throws for what JSON can be. */
export function mutateValue(value: unknown, stock: Stock, depth = 0): unknown {
  const root: [unknown] = [value];
  const slots = slotsOf(root);
  for (let count = 1 + below(stock.random, 3); count > 0; count--) {
    const slot = pick(stock.random, slots);
    mutateAt(slot, slots, stock, depth);
  }
  return root[0];
}

/** All places of a value at which another may be put. Without recursion: a value may be nested deeper than the stack. */
function slotsOf(root: unknown[]): Slot[] {
  const slots: Slot[] = [{ holder: root, key: 0 }];
  for (let at = 0; at < slots.length && slots.length < NODES_MAX; at++) {
    const slot = slots[at];
    const value = slot === undefined ? undefined : get(slot);
    if (Array.isArray(value)) for (const key of value.keys()) slots.push({ holder: value, key });
    else if (isRecord(value)) for (const key of Object.keys(value)) slots.push({ holder: value, key });
  }
  return slots;
}

const get = ({ holder, key }: Slot): unknown =>
  Object.hasOwn(holder, key) ? (holder as JsonRecord)[key as string] : undefined;

/** An assignment to `__proto__` would not make a member. */
function put({ holder, key }: Slot, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

function mutateAt(slot: Slot, slots: readonly Slot[], stock: Stock, depth: number): void {
  const { random } = stock;
  const { holder } = slot;
  const value = get(slot);
  switch (below(random, 14)) {
    case 0:
    case 1:
      return put(slot, parseExactJson(pick(random, ODD_TEXTS)));
    case 2:
      return remove(slot);
    case 3:
      return repeat(slot, value, random);
    case 4:
      remove(slot);
      return put({ holder, key: Array.isArray(holder) ? holder.length : nameFrom(stock) }, value);
    case 5:
      return put(slot, random() < 0.5 ? [value] : { [nameFrom(stock)]: value });
    case 6:
    case 7:
      return put(slot, stock.donate());
    case 8: {
      const other = pick(random, slots);
      const otherValue = get(other);
      // One must not come to stand within itself.
      if (typeof value === "object" || typeof otherValue === "object") return put(slot, copy(otherValue));
      put(slot, otherValue);
      return put(other, value);
    }
    case 9:
      if (isRecord(value)) return put({ holder: value, key: nameFrom(stock) }, stock.donate());
      return put(slot, Array.isArray(value) ? [...(value as unknown[]), stock.donate()] : stock.donate());
    case 10:
      return random() < 0.1 ? put(slot, nest(value, pick(random, DEPTHS))) : put(slot, tweak(value, stock, depth));
    default:
      return put(slot, tweak(value, stock, depth));
  }
}

const nameFrom = (stock: Stock): string => (stock.random() < 0.3 ? pick(stock.random, ODD_NAMES) : stock.donateName());

function remove({ holder, key }: Slot): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}

function repeat({ holder, key }: Slot, value: unknown, random: Random): void {
  const copies = Array.from({ length: 1 + below(random, 1 + below(random, 12)) }, () => copy(value));
  if (Array.isArray(holder)) holder.splice(Number(key), 0, ...copies);
  else put({ holder, key: `${key}${below(random, 3)}` }, copies[0]);
}

/** A copy by way of text, which keeps numbers as they are. What is nested too deep is left out. */
function copy(value: unknown): unknown {
  try {
    return value === undefined ? null : parseExactJson(JSON.stringify(value));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function nest(value: unknown, depth: number): unknown {
  let nested = value;
  for (let level = 0; level < depth; level++) nested = level % 2 === 0 ? [nested] : { a: nested };
  return nested;
}

function tweak(value: unknown, stock: Stock, depth: number): unknown {
  const { random } = stock;
  if (typeof value === "number") {
    return pick(random, [value + 1, value - 1, -value, value * 1_000, value / 3, String(value)]);
  }
  if (typeof value === "string") return tweakText(value, stock, depth);
  if (typeof value === "boolean") return !value;
  if (Array.isArray(value)) return random() < 0.5 ? value.toReversed() : value.slice(0, below(random, value.length));
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).filter(() => random() < 0.7));
  return stock.donate();
}

function tweakText(text: string, stock: Stock, depth: number): string {
  const { random } = stock;
  // A text may hold JSON of its own, such as the answers to a form.
  if (depth < INNER_DEPTH_MAX && /^\s*[[{]/.test(text) && random() < 0.7) {
    try {
      return JSON.stringify(mutateValue(parseExactJson(text), stock, depth + 1)) ?? "";
    } catch {
      // It only looks like JSON.
    }
  }
  const at = below(random, text.length + 1);
  switch (below(random, 8)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(at);
    case 2:
      return `${text.slice(0, at)}${pick(random, ["\0", "\ud83d", "\udc00", "\n", " ", "é", "🧉", ":", ".", "\u2028"])}${text.slice(at)}`;
    case 3:
      return text.repeat(2 + below(random, 3)).slice(0, 2_000);
    case 4:
      return "x".repeat(pick(random, [63, 64, 65, 128, 129, 256, 257, 511, 512, 513, 1_001]));
    case 5:
      return text.replace(/\d/, () => String(below(random, 10)));
    case 6:
      return stock.donateName();
    default:
      return `${text.slice(0, at)}${String.fromCharCode(below(random, 128))}${text.slice(at + 1)}`;
  }
}
