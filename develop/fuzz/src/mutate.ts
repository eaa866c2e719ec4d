import { pick, type Random } from "@turno/simulator";
import { isRecord, parseExactJson } from "@turno/whatsapp";
import { mutateValue, type Stock } from "./mutate-json.ts";
import { ODD_BYTES, ODD_NAMES, ODD_TEXTS } from "./odd-values.ts";

/** The longest input, in bytes: what needs more to show itself is asked by tests of its own. */
const INPUT_BYTES_MAX = 8 * 1024;

const below = (random: Random, count: number) => Math.floor(random() * count);

/** Returns a changed copy of an input. `other` gives another one, from which a part may be taken. */
export type Mutate = (input: Buffer, other: () => Buffer) => Buffer;

/**
 * Creates a mutator. Most of what it makes is still JSON, line by line, so that it comes further than the parser; the rest
 * has broken tokens or bytes.
 */
export function createMutate(random: Random): Mutate {
  return (input, other) => {
    const way = random();
    let mutated = input;
    if (way < 0.72) mutated = mutateLine(input, stockOf(random, other));
    else if (way < 0.88) mutated = mutateToken(input, random);
    if (mutated === input || way >= 0.88) mutated = mutateBytes(input, other(), random);
    return mutated.length > INPUT_BYTES_MAX ? mutated.subarray(0, INPUT_BYTES_MAX) : mutated;
  };
}

/** Changes the JSON on one line of an input. Returns the input itself where that line holds none. */
function mutateLine(input: Buffer, stock: Stock): Buffer {
  const lines = input.toString("utf8").split("\n");
  const at = below(stock.random, lines.length);
  try {
    lines[at] = JSON.stringify(mutateValue(parseExactJson(lines[at] ?? ""), stock)) ?? "";
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return input;
    throw error;
  }
  return Buffer.from(lines.join("\n"));
}

function stockOf(random: Random, other: () => Buffer): Stock {
  const find = (): unknown => {
    const lines = other().toString("utf8").split("\n");
    try {
      return parseExactJson(pick(random, lines));
    } catch {
      // Another input that is no JSON has nothing to give.
      return null;
    }
  };
  /** Goes down a few steps at random. */
  const descend = (): { name: string; value: unknown } => {
    let [name, value] = ["x", find()];
    for (let steps = below(random, 8); steps > 0 && typeof value === "object" && value !== null; steps--) {
      const entries: [string, unknown][] = isRecord(value) || Array.isArray(value) ? Object.entries(value) : [];
      if (entries.length === 0) break;
      [name, value] = pick(random, entries);
    }
    return { name, value };
  };
  return {
    random,
    donate: () => (random() < 0.25 ? parseExactJson(pick(random, ODD_TEXTS)) : descend().value),
    donateName: () => descend().name,
  };
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[[\]{}:,]/g;

/** Replaces, repeats or removes a token: what comes out need not be JSON, and may be JSON that no program writes. */
function mutateToken(input: Buffer, random: Random): Buffer {
  const text = input.toString("latin1");
  const tokens = [...text.matchAll(TOKEN)];
  if (tokens.length === 0) return input;
  const { 0: token, index } = pick(random, tokens);
  const odd = Buffer.from(pick(random, ODD_TEXTS)).toString("latin1");
  const name = JSON.stringify(pick(random, ODD_NAMES));
  const changed = pick(random, [
    odd,
    odd,
    "",
    `${token}${token}`,
    `${token},${token}`,
    `${name}:${odd},${token}`,
    ` ${token}\n`,
  ]);
  return Buffer.from(text.slice(0, index) + changed + text.slice(index + token.length), "latin1");
}

function mutateBytes(input: Buffer, other: Buffer, random: Random): Buffer {
  const at = below(random, input.length + 1);
  const end = Math.min(input.length, at + below(random, 64));
  switch (below(random, 6)) {
    case 0: {
      const flipped = Buffer.from(input);
      for (let count = 1 + below(random, 4); count > 0 && flipped.length > 0; count--) {
        flipped[below(random, flipped.length)] = below(random, 256);
      }
      return flipped;
    }
    case 1:
      return Buffer.from(input.subarray(0, at));
    case 2:
      return Buffer.concat([input.subarray(0, at), input.subarray(end)]);
    case 3:
      return Buffer.concat([input.subarray(0, at), pick(random, ODD_BYTES), input.subarray(at)]);
    case 4:
      return Buffer.concat([input.subarray(0, end), input.subarray(at)]);
    default:
      return Buffer.concat([input.subarray(0, at), other.subarray(below(random, other.length + 1))]);
  }
}
