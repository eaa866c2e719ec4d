import { z } from "zod";
import { actor } from "./fields.ts";

/** How a check came out. `unseen`: whoever looked could not see it, which is no fault. */
const CHECK_STATES = ["sound", "wrong", "unseen"] as const;

/** One thing that somebody looked at. It holds no secret, no customer's data and no text of a message. */
const check = z.object({
  code: z.string().describe("What was looked for: stable, for scripts"),
  state: z.enum(CHECK_STATES),
  looked: z.string().describe("What was looked at, and what was seen"),
  wrong: z.string().nullable().describe("What is wrong, or why it could not be seen; null where it is sound"),
  advice: z.string().nullable().describe("What to do about it; null where it is sound"),
});
export type Check = z.infer<typeof check>;

export const soundCheck = (code: string, looked: string): Check => ({
  code,
  state: "sound",
  looked,
  wrong: null,
  advice: null,
});

export const wrongCheck = (
  code: string,
  looked: string,
  { wrong, advice }: { wrong: string; advice: string },
): Check => ({
  code,
  state: "wrong",
  looked,
  wrong,
  advice,
});

export const unseenCheck = (code: string, looked: string, { why, advice }: { why: string; advice: string }): Check => ({
  code,
  state: "unseen",
  looked,
  wrong: why,
  advice,
});

const answer = z.object({
  release: z.string().describe("The release of Turno that answers"),
  node: z.string().describe("The version of Node that runs it"),
  at: z.iso.datetime().describe("The clock of its host"),
  checks: z.array(check).max(5_000),
  addresses: z
    .array(z.object({ kind: z.enum(["webhook", "console"]), url: z.string().max(2_000) }))
    .max(100)
    .describe("Public addresses that it knows: whoever asks may try them from where they are"),
});
export type Examination = z.infer<typeof answer>;

const examine = <S extends string>(service: S, summary: string) => ({
  service,
  summary: `${summary} For the operators' \`doctor\`.`,
  request: z.object({ actor }),
  answer,
});

/** One verb for each service, so that each is heard once, however many replicas it has. */
export const examinationCommands = {
  "examine-gateway": examine("gateway", "Looks at its apps, and whether what Meta signs is stored."),
  "examine-router": examine("router", "Looks at its database, and at groups, agents and channels."),
  "examine-session-tracker": examine("session-tracker", "Looks at its database and all clocks."),
  "examine-sender": examine(
    "sender",
    "Looks at its database and, by Meta's Graph API, at tokens, accounts, numbers and templates.",
  ),
  "examine-inbox": examine("inbox", "Looks at its database, and how people sign in."),
  "examine-provisioner": examine("provisioner", "Looks at the streams, their settings and their room."),
} as const;

export type ExaminationVerb = keyof typeof examinationCommands;
export const EXAMINATION_VERBS = Object.keys(examinationCommands) as ExaminationVerb[];
