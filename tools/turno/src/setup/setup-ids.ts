import type { ConfiguredSection } from "@turno/contracts";
import { createHash } from "node:crypto";

export type SetupEntry = Readonly<Record<string, unknown>>;
/** Entries by section and key, as far as the file has them. */
export type Entries = Readonly<Record<ConfiguredSection, ReadonlyMap<string, SetupEntry> | null>>;

/** The namespace of ids that follow from keys. It must never change: another one would make other ids of the same file. */
const NAMESPACE = "2d0c3f5e-6a41-4f0b-9c57-8e1b7a9d4c36";

/** Returns the id that a key of a section has in every deployment. Source: RFC 9562, 5.5 (UUID version 5). */
function idOfKey(section: ConfiguredSection, key: string): string {
  const digest = createHash("sha1")
    .update(Buffer.from(NAMESPACE.replaceAll("-", ""), "hex"))
    .update(`${section}/${key}`)
    .digest()
    .subarray(0, 16);
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x50, 6);
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  return digest.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Returns the id of an entry: given, or from its key. */
export const idOfEntry = (section: ConfiguredSection, key: string, entry: SetupEntry | undefined): string =>
  typeof entry?.["id"] === "string" ? entry["id"].toLowerCase() : idOfKey(section, key);
