import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document } from "yaml";

/** What is wrong at one place of the file. */
export interface SetupFault {
  line: number;
  column: number;
  /** The path of the field, such as `agents.ana.groups.0`. */
  field: string;
  rule: string;
}

export type Path = readonly (string | number)[];

/** A file of YAML whose values know where they stand. */
export interface PlacedYaml {
  /** What the file says; undefined where it is no YAML. */
  value: unknown;
  /** What is wrong with the YAML itself. */
  faults: SetupFault[];
  /** Makes a fault of what is wrong at a path, or at the nearest thing above it that is in the file. */
  faultAt: (path: Path, rule: string) => SetupFault;
}

/** How much aliases may multiply what a file holds. */
const ALIASES_MAX = 1000;

export function readPlacedYaml(text: string): PlacedYaml {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const placeOf = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const faults = [...document.errors, ...document.warnings].map(({ pos: [offset], message }) => {
    return { ...placeOf(offset), field: "(file)", rule: message };
  });
  const faultAt = (path: Path, rule: string) => {
    return { ...placeOf(offsetOf(document, path)), field: path.join(".") || "(file)", rule };
  };
  if (faults.length > 0) return { value: undefined, faults, faultAt };
  try {
    return { value: document.toJS({ maxAliasCount: ALIASES_MAX }), faults, faultAt };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return { value: undefined, faults: [faultAt([], error.message)], faultAt };
  }
}

/** Returns where a value stands, or its name where it holds more than a line. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(part));
      if (pair === undefined) break;
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
