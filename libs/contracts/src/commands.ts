import { z } from "zod";
import { accessTokenCommands } from "./commands/access-tokens.ts";
import { assignmentCommands } from "./commands/assignment.ts";
import { contactCommands } from "./commands/contacts.ts";
import { configurationCommands } from "./commands/configuration.ts";
import { deadLettersCommands } from "./commands/dead-letters.ts";
import { examinationCommands } from "./commands/examination.ts";
import { sendingCommands } from "./commands/sending.ts";
import { ticketCommands } from "./commands/tickets.ts";

export {
  EXAMINATION_VERBS,
  soundCheck,
  unseenCheck,
  wrongCheck,
  type Check,
  type Examination,
  type ExaminationVerb,
} from "./commands/examination.ts";
export { USER_ID } from "./commands/fields.ts";
export { ACTION_PREVIEW_LENGTH_MAX, TICKET_STATUSES, ticketSchema } from "./commands/tickets.ts";

/** Every command, with its owner, its request and its answer. The reply is `{ok: true, …answer}` or `{refusal}`. */
export const COMMANDS = {
  ...configurationCommands,
  ...assignmentCommands,
  ...sendingCommands,
  ...accessTokenCommands,
  ...ticketCommands,
  ...contactCommands,
  ...deadLettersCommands,
  ...examinationCommands,
} as const;

export type CommandVerb = keyof typeof COMMANDS;
export type CommandRequest<V extends CommandVerb> = z.output<(typeof COMMANDS)[V]["request"]>;
/** A request as a caller writes it: defaults may be left out. */
export type CommandInput<V extends CommandVerb> = z.input<(typeof COMMANDS)[V]["request"]>;
export type CommandAnswer<V extends CommandVerb> = z.output<(typeof COMMANDS)[V]["answer"]>;

/** The header, over HTTP and over NATS, in which a caller gives a command a key of its own. */
export const KEY_HEADER = "Idempotency-Key";

/** A caller's key: a repetition under it gets the first answer, and has no second effect. */
export const callerKeySchema = z.string().regex(/^[\x21-\x7e]{1,255}$/, "must be 1 to 255 visible characters of ASCII");

/** A rule said no. `code` is stable; `message` says what happened, why and what to do; `details` names who and when. */
export const refusalSchema = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});
export type RefusalAnswer = z.infer<typeof refusalSchema>;

export type CommandReply<V extends CommandVerb> = ({ ok: true } & CommandAnswer<V>) | { refusal: RefusalAnswer };
