import { between, pick, type Random } from "./random.ts";

/** Values that readers stumble over. They are JSON texts, so that numbers beyond 2^53 stay what they are. */
const oddTexts = [
  "null",
  "true",
  "[]",
  "{}",
  '""',
  "0",
  "-1",
  "1e999",
  "123456789012345678901234567890",
  "0.1e-400",
  '"\\u0000"',
  '"\\ud800"',
  "[[[[[[[[]]]]]]]]",
  '{"__proto__":{"x":1}}',
  '"1790000000"',
  '{"constructor":1,"toString":null}',
];

type Mangling = (body: Buffer, random: Random) => Buffer;

/** Where a JSON text has its values and keys: pieces between quotes, and numbers. */
const stringPiece = /"(?:[^"\\]|\\.)*"/g;
const scalarPiece = /(?<=[:[,])(?:-?\d[\d.eE+-]*|true|false|null|"(?:[^"\\]|\\.)*")(?=[,\]}])/g;
const memberPiece = /"(?:[^"\\]|\\.)*":(?:-?\d[\d.eE+-]*|true|false|null|"(?:[^"\\]|\\.)*"),/g;

function replacePiece(pieces: RegExp, replacement: (piece: string, random: Random) => string): Mangling {
  return (body, random) => {
    const text = body.toString("latin1");
    const found = [...text.matchAll(pieces)];
    if (found.length === 0) return body;
    const { 0: piece, index } = pick(random, found);
    const changed = text.slice(0, index) + replacement(piece, random) + text.slice(index + piece.length);
    return Buffer.from(changed, "latin1");
  };
}

/** Puts bytes in at a random place. */
function insert(bytes: Buffer): Mangling {
  return (body, random) => {
    const place = between(random, 0, body.byteLength);
    return Buffer.concat([body.subarray(0, place), bytes, body.subarray(place)]);
  };
}

const manglings: readonly Mangling[] = [
  (body, random) => {
    const flipped = Buffer.from(body);
    for (let count = between(random, 1, 8); count > 0 && flipped.byteLength > 0; count--) {
      flipped[between(random, 0, flipped.byteLength - 1)] = between(random, 0, 255);
    }
    return flipped;
  },
  (body, random) => body.subarray(0, between(random, 0, body.byteLength)),
  (body, random) => body.subarray(between(random, 0, body.byteLength)),
  replacePiece(memberPiece, () => ""),
  replacePiece(memberPiece, (piece) => piece + piece),
  replacePiece(scalarPiece, (_, random) => pick(random, oddTexts)),
  replacePiece(scalarPiece, (piece) => `[${piece},${piece}]`),
  replacePiece(scalarPiece, (piece) => `{"nested":${piece}}`),
  replacePiece(stringPiece, (piece) => `${piece.slice(0, -1)}\\u0000"`),
  replacePiece(stringPiece, () => `"${"x".repeat(70_000)}"`),
  replacePiece(stringPiece, () => '"__proto__"'),
  replacePiece(scalarPiece, () => "[".repeat(5_000) + "]".repeat(5_000)),
  insert(Buffer.from([0xc3, 0x28])),
  insert(Buffer.from([0xff, 0xfe, 0x00])),
  insert(Buffer.from("\ufeff")),
  insert(Buffer.from("}{")),
  (body) => Buffer.concat([Buffer.from("["), body, Buffer.from(","), body, Buffer.from("]")]),
  (body) => Buffer.concat([body, body]),
];

/** Spoils a body in one to four ways at random: bytes, members, types, nesting, sizes, U+0000, invalid UTF-8. What comes out need not be JSON. */
export function mangle(body: string | Uint8Array, random: Random): Buffer {
  let mangled = Buffer.from(body as string);
  for (let count = between(random, 1, 4); count > 0; count--)
    mangled = Buffer.from(pick(random, manglings)(mangled, random));
  return mangled;
}
