import type { CommandAnswer, RefusalAnswer } from "@turno/contracts";
import { readFile } from "node:fs/promises";
import { word, type Call, type CliOutcome, type Command } from "../call.ts";
import { ask, RefusedFailure } from "../request.ts";
import { describeChanges } from "./describe-changes.ts";
import { readSetupFile, type SetupFile } from "./read-setup-file.ts";
import type { SetupFault } from "./yaml-places.ts";

/** The most faults that are shown at once. */
const FAULTS_MAX = 50;
/** A thousand agents take longer than one, under load longer still. */
const CONFIGURE_MS_MAX = 20_000;

/** The file cannot be applied; the message names every fault with its line. */
class SetupFileFailure extends Error {
  readonly retryable = false;
}

const showFault = (path: string, { line, column, field, rule }: SetupFault) =>
  `${path}:${line}:${column} ${field}: ${rule}`;

function failOn(path: string, faults: readonly SetupFault[]): SetupFileFailure {
  const shown = faults.slice(0, FAULTS_MAX).map((fault) => showFault(path, fault));
  const more = faults.length > FAULTS_MAX ? [`and ${faults.length - FAULTS_MAX} more`] : [];
  return new SetupFileFailure([...shown, ...more, "Nothing was changed."].join("\n"));
}

/** Returns the place of the file that a refusal is about: the entry that it names, or else the whole. */
export function placeRefusal({ message, details }: RefusalAnswer, { faultAt, keyOf }: SetupFile): SetupFault {
  const ids = [details?.["id"], ...(message.match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? [])];
  const [entry] = ids.flatMap((id) => (typeof id === "string" ? (keyOf(id) ?? []) : []));
  const field = typeof details?.["field"] === "string" ? [details["field"].replace(/^groupIds$/, "groups")] : [];
  if (entry !== undefined) return faultAt([entry.section, entry.key, ...field], message);
  return faultAt(typeof details?.["section"] === "string" ? [details["section"]] : [], message);
}

async function configureFrom(
  call: Call,
  dryRun: boolean,
): Promise<{ answer: CommandAnswer<"configure">; file: SetupFile }> {
  const path = word(call, 0, "the file");
  const file = readSetupFile(await readFile(path, "utf8"));
  if (Array.isArray(file)) throw failOn(path, file);
  try {
    const input = { actor: call.actor, dryRun, ...file.request };
    return { answer: await ask(call.connection, "configure", input, CONFIGURE_MS_MAX), file };
  } catch (error) {
    if (error instanceof RefusedFailure) throw failOn(path, [placeRefusal(error.refusal, file)]);
    throw error;
  }
}

async function run(call: Call, dryRun: boolean): Promise<CliOutcome> {
  const { answer, file } = await configureFrom(call, dryRun);
  const nameOf = (id: string) =>
    file.keyOf(id)?.key ?? call.directory.groups.find((group) => group.id === id)?.name ?? call.directory.agentName(id);
  return { answer, text: describeChanges(answer.changes, { dryRun, nameOf }) };
}

/** Commands that compare the configuration with a file, and make it so. */
export const SETUP_COMMANDS: Record<string, Command> = {
  diff: { usage: "diff <file>", summary: "what apply would change", run: (call) => run(call, true) },
  apply: {
    usage: "apply <file>",
    summary: "make groups, agents, channels and programs as the file says, all or nothing",
    run: (call) => run(call, false),
  },
};
