import { z } from "zod";
import { actorSchema } from "./event-parts.ts";

export const CONFIGURED_SECTIONS = ["groups", "agents", "channels", "programs"] as const;
export type ConfiguredSection = (typeof CONFIGURED_SECTIONS)[number];

const values = z.record(z.string(), z.unknown());

/** What a `configure` does with one group, agent, channel or program. */
export const configurationChangeSchema = z.object({
  section: z.enum(CONFIGURED_SECTIONS),
  id: z.string().describe("Its id; of a program its name"),
  name: z.string(),
  change: z.enum(["created", "changed", "deactivated", "reactivated"]),
  before: values.describe("The fields that change, as they were; empty where it is created"),
  after: values.describe("The same fields as they are now; all fields where it is created"),
  moves: z
    .array(
      z.object({
        groupId: z.uuid(),
        toAgentId: z.uuid().nullable().describe("Null: the queue of the group"),
        conversations: z.int().min(1),
      }),
    )
    .describe("Where the agent's active conversations go, by group"),
});
export type ConfigurationChange = z.infer<typeof configurationChangeSchema>;

/** The event of one change. */
export const CONFIGURATION_CHANGED = {
  version: 1,
  summary:
    "An admin or an operator's file created or changed a group, an agent, a channel or a program. The changes of one request have one `requestId`, which is the event's entity, and count from 1.",
  data: configurationChangeSchema.extend({ requestId: z.uuid(), actor: actorSchema }),
} as const;
