import { ROOT } from "@turno/servers";
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const fileOf = (name: string) => join(ROOT, "develop/fuzz/corpus", `${name}.jsonl`);

/** Reads the inputs of a target that the repository holds: a line each, as a text, or as base64 where they are none. */
export function readCorpus(name: string): Buffer[] {
  if (!existsSync(fileOf(name))) return [];
  const lines = readFileSync(fileOf(name), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => decode(JSON.parse(line) as Written));
}

/** Writes the inputs of a target, the shortest first. */
export function writeCorpus(name: string, inputs: readonly Buffer[]): void {
  const sorted = inputs.toSorted((one, other) => one.length - other.length || one.compare(other));
  writeFileSync(fileOf(name), sorted.map((input) => `${JSON.stringify(encode(input))}\n`).join(""));
}

type Written = string | { base64: string };

const encode = (input: Buffer): Written =>
  isUtf8(input) ? input.toString("utf8") : { base64: input.toString("base64") };
const decode = (written: Written): Buffer =>
  typeof written === "string" ? Buffer.from(written) : Buffer.from(written.base64, "base64");

/** Keeps an input that broke a promise where git does not look, and returns its path from the root. */
export function keepFinding(name: string, input: Buffer): string {
  const folder = ".turno/fuzz";
  mkdirSync(join(ROOT, folder), { recursive: true });
  const path = `${folder}/${name}-${createHash("sha256").update(input).digest("hex").slice(0, 12)}`;
  writeFileSync(join(ROOT, path), input);
  return path;
}
