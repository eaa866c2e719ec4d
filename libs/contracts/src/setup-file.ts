import { z } from "zod";
import { COMMANDS } from "./commands.ts";
import { CONFIGURED_SECTIONS, type ConfiguredSection } from "./configuration-change.ts";

const KEY_RULE = "must be a short name: lower-case letters, digits and hyphens, at most 63, not a hyphen first";
const key = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, KEY_RULE);

/** Fields of `configure` that hold ids, and the fields of the file that hold keys in their place. */
export const SETUP_REFERENCES: Readonly<Record<string, { field: string; section: ConfiguredSection }>> = {
  groupId: { field: "group", section: "groups" },
  groupIds: { field: "groups", section: "groups" },
  overflowGroupId: { field: "overflowGroup", section: "groups" },
  handOverTo: { field: "handOverTo", section: "agents" },
};

const keys = z.array(key).max(100).default([]);
const optionalId = z
  .uuid()
  .optional()
  .describe("Only for what was there before the file: its id. Left out, the id follows from the key");

/** What differs from `configure` beside the references. Everything else is taken over, whatever a command adds. */
const REPLACED: Readonly<Record<ConfiguredSection, Readonly<Record<string, z.ZodType | null>>>> = {
  groups: {
    id: optionalId,
    overflowGroupId: key.nullable().default(null).describe("The group, by key, that takes what waits outside hours"),
  },
  agents: {
    id: optionalId,
    groupIds: keys.describe("All its groups, by key"),
    handOverTo: key.optional().describe("An agent, by key, who gets its active conversations instead of their queues"),
    active: z.boolean().default(true).describe("False deactivates it, as leaving it out does"),
  },
  channels: { id: optionalId, groupId: key.describe("The group, by key, whose queue its conversations wait in") },
  // The key is the name.
  programs: {
    name: null,
    groupIds: z.union([z.literal("all"), z.array(key).max(1000)]).describe("All groups in which it may act, or `all`"),
  },
};

function entryOf(section: ConfiguredSection) {
  const shape: Readonly<Record<string, z.ZodType>> = COMMANDS.configure.request.shape[section].unwrap().element.shape;
  const fields = Object.entries(shape).flatMap(([name, schema]): [string, z.ZodType][] => {
    const replaced = REPLACED[section][name];
    if (replaced === null) return [];
    return [[SETUP_REFERENCES[name]?.field ?? name, replaced ?? schema]];
  });
  return z.strictObject(Object.fromEntries(fields));
}

const ENTRIES_MAX = { groups: 1000, agents: 1000, channels: 1000, programs: 100 } as const;

const section = (name: ConfiguredSection, about: string) =>
  z
    .record(name === "programs" ? z.string().regex(/^[0-9A-Za-z-][0-9A-Za-z_-]{0,63}$/) : key, entryOf(name))
    .refine(
      (entries) => Object.keys(entries).length <= ENTRIES_MAX[name],
      `may hold at most ${ENTRIES_MAX[name]} entries`,
    )
    .optional()
    .describe(about);

/**
 * `turno.yaml`: how groups, agents, channels and programs should be, each under a short key. Its entries are those of
 * `configure`, with keys in place of ids. A section that is left out is left alone.
 */
export const setupFileSchema = z.strictObject({
  version: z.literal(1).describe("The version of this format"),
  groups: section("groups", "Every group that there is, by key"),
  agents: section("agents", "Every agent who works here, by key. Who is not named is deactivated"),
  channels: section("channels", "Every channel that there is, by key"),
  programs: section("programs", "Where programs act, by the broker's user. One that is not named acts nowhere"),
});

/** Writes `docs/turno.schema.json`, by which editors check and complete `turno.yaml`. */
export function writeSetupFileSchema(): string {
  const schema = z.toJSONSchema(setupFileSchema, { io: "input" });
  return `${JSON.stringify({ title: "turno.yaml", ...schema }, null, 2)}\n`;
}

/** Returns the fields that an entry of a section may have. */
export const setupFieldsOf = (name: ConfiguredSection): string[] => Object.keys(entryOf(name).shape);

/** The fields of the file itself. */
export const SETUP_FIELDS: readonly string[] = ["version", ...CONFIGURED_SECTIONS];
