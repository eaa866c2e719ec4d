import type { Actor } from "@turno/contracts";
import type { Connection } from "@turno/messaging";
import { formatDuration } from "./terminal/format-duration.ts";
import { claimant, word, type Call, type Command, type CliOptions, type CliOutcome } from "./call.ts";
import { readDirectory } from "./directory.ts";
import { ask, CLI_ACTOR, UsageFailure } from "./request.ts";
import { SETUP_COMMANDS } from "./setup/setup-commands.ts";
import { renderTable } from "./table.ts";
import { TOKEN_COMMANDS } from "./token-commands.ts";
import { WORK_COMMANDS } from "./work-commands.ts";

function describeAssigned(call: Call, answer: { conversationId: string; agentId: string; assignedAt: string }): string {
  return `${answer.conversationId} is ${call.directory.agentName(answer.agentId)}'s since ${answer.assignedAt}`;
}

async function showQueues(call: Call): Promise<CliOutcome> {
  const { connection, directory, words, actor } = call;
  const groups = words[0] === undefined ? directory.groups : [directory.group(words[0])];
  const answers = await Promise.all(
    groups.map(async ({ id, name }) => ({ name, ...(await ask(connection, "list-queue", { actor, groupId: id })) })),
  );
  const text = answers.map(({ name, total, waiting, outsideHours }) => {
    const rows = waiting.map((entry) => [
      String(entry.position),
      entry.conversationId,
      formatDuration(entry.waitedMs),
      entry.contactName ?? "",
      entry.isHeldBack ? "nobody answered: claim or transfer it" : "",
    ]);
    const until = outsideHours?.until ?? null;
    const outside = outsideHours === null ? "" : `, outside business hours${until === null ? "" : ` until ${until}`}`;
    const shown = waiting.length < total ? `, the first ${waiting.length} of them` : "";
    const table = total === 0 ? "" : `\n${renderTable(["#", "conversation", "waited", "contact", "note"], rows)}`;
    return `${name}: ${total} waiting${outside}${shown}${table}`;
  });
  return { answer: answers, text: text.join("\n\n") };
}

function showGroups({ directory }: Call): Promise<CliOutcome> {
  const rows = directory.groups.map((group) => [
    group.name,
    group.distribution,
    String(group.waiting),
    group.longestWaitMs === null ? "" : formatDuration(group.longestWaitMs),
    group.agents.map(({ name, active }) => `${name} ${active}`).join(", "),
  ]);
  const headings = ["group", "distribution", "waiting", "longest", "agents and how many they have"];
  return Promise.resolve({ answer: directory.groups, text: renderTable(headings, rows) });
}

function showAgents({ directory }: Call): Promise<CliOutcome> {
  const rows = directory.agents.map((agent) => [
    agent.name,
    agent.availability,
    String(agent.active),
    agent.capacity === null ? "no limit" : String(agent.capacity),
    agent.groups.join(", "),
    agent.id,
  ]);
  const headings = ["agent", "availability", "active", "capacity", "groups", "id"];
  return Promise.resolve({ answer: directory.agents, text: renderTable(headings, rows) });
}

async function transfer(call: Call): Promise<CliOutcome> {
  const { connection, directory, options, actor } = call;
  const agent = options["to-agent"] === undefined ? null : directory.agent(options["to-agent"]);
  const group = options["to-group"] === undefined ? null : directory.group(options["to-group"]);
  if (agent === null && group === null)
    throw new UsageFailure("say where to: --to-agent <agent> or --to-group <group>");
  const toGroup = group === null ? {} : { groupId: group.id };
  const answer = await ask(connection, "transfer", {
    actor,
    conversationId: word(call, 0, "the conversation"),
    to: agent === null ? { groupId: group?.id ?? "" } : { agentId: agent.id, ...toGroup },
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    force: options.force ?? false,
  });
  const whose = answer.agentId === null ? "waits" : `is ${directory.agentName(answer.agentId)}'s`;
  const where = directory.groups.find(({ id }) => id === answer.groupId)?.name ?? answer.groupId;
  return { answer, text: `${answer.conversationId} ${whose} in ${where}` };
}

function readCapacity(text: string | undefined): { capacity?: number | null } {
  if (text === undefined) return {};
  if (text === "none") return { capacity: null };
  const capacity = Number(text);
  if (!Number.isInteger(capacity)) throw new UsageFailure(`--capacity is "${text}"; it must be a whole number or none`);
  return { capacity };
}

async function setAvailability(call: Call, availability: "available" | "away"): Promise<CliOutcome> {
  const { connection, directory, options, actor } = call;
  const agentId = directory.agent(word(call, 0, "the agent")).id;
  const change = { actor, agentId, availability, ...readCapacity(options.capacity) };
  const answer = await ask(connection, "set-availability", change);
  const limit = answer.capacity === null ? "without a limit" : `for ${answer.capacity} conversations at once`;
  return { answer, text: `${directory.agentName(agentId)} is ${answer.availability}, ${limit}` };
}

async function explainAssignment(call: Call): Promise<CliOutcome> {
  const { connection, directory, actor } = call;
  const conversationId = word(call, 0, "the conversation");
  const answer = await ask(connection, "explain-assignment", { actor, conversationId });
  const text = answer.assignments.map(({ agentId, assignedAt, reason }) => {
    const turn = reason.turn === null ? "" : `, turn ${reason.turn} of the group`;
    const candidates = reason.candidates.map((id) => directory.agentName(id)).join(", ");
    const leftOut = reason.leftOut.map((entry) => `${directory.agentName(entry.agentId)} (${entry.why})`).join(", ");
    return [
      `${assignedAt}  ${directory.agentName(agentId)}, by ${reason.rule}${turn}`,
      `  could have it, longest-ago turn first: ${candidates || "nobody"}`,
      `  left out: ${leftOut || "nobody"}`,
      ...(reason.isCut === true ? ["  (the first of them: there may have been more)"] : []),
    ].join("\n");
  });
  return { answer, text: text.join("\n") || "It has never been assigned." };
}

async function explainWaiting(call: Call): Promise<CliOutcome> {
  const { connection, directory, actor } = call;
  const conversationId = word(call, 0, "the conversation");
  const answer = await ask(connection, "explain-waiting", { actor, conversationId });
  const rows = answer.members.map(({ agentId, why }) => [directory.agentName(agentId), why]);
  const where = `number ${answer.position} of the queue, for ${formatDuration(answer.waitedMs)}`;
  const manual = answer.distribution === "manual" ? "; the group is manual: an agent must claim it" : "";
  const until = answer.outsideHours?.until ?? null;
  const outside =
    answer.outsideHours === null ? "" : `; outside business hours${until === null ? "" : ` until ${until}`}`;
  const held = answer.isHeldBack ? "; nobody who got it answered: somebody must claim or transfer it" : "";
  return { answer, text: `${where}${outside}${manual}${held}\n${renderTable(["agent", "why not"], rows)}` };
}

const LETTERS_AT_ONCE = 200;

async function handleDeadLetters(call: Call): Promise<CliOutcome> {
  const { connection, actor, words, options } = call;
  const action = words[0] ?? "list";
  if (action === "retry") {
    const answer = await ask(connection, "retry-dead-letter", { actor, id: word(call, 1, "the dead letter's id") });
    return { answer, text: answer.applied ? "It has taken effect." : `It still cannot: ${answer.cause}` };
  }
  if (action === "discard") {
    const answer = await ask(connection, "discard-dead-letter", { actor, id: word(call, 1, "the dead letter's id") });
    return { answer, text: `${answer.id} is discarded` };
  }
  if (action === "retry-all") return retryAllLetters(call);
  if (action !== "list")
    throw new UsageFailure(`dead-letters knows list, retry, retry-all and discard, not "${action}"`);
  const answer = await ask(connection, "list-dead-letters", { actor, cause: options.cause, after: words[1] });
  const rows = answer.deadLetters.map(({ id, setAsideAt, field, cause }) => [id, setAsideAt, field, cause]);
  const table = rows.length === 0 ? "" : `\n${renderTable(["id", "set aside", "field", "cause"], rows)}`;
  const more = answer.next === null ? "" : `\nMore: dead-letters list ${answer.next}`;
  return { answer, text: `${answer.total} dead letters${table}${more}` };
}

/**
 * Retries letters one after the other, oldest first, each by its own reader. One that is set aside again gets a new id, so
 * the ids that are there at the beginning bound it; where it is broken off, what is left is still there to be retried.
 */
async function retryAllLetters({ connection, actor, options: { cause } }: Call): Promise<CliOutcome> {
  const ids: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await ask(connection, "list-dead-letters", { actor, cause, after, limit: LETTERS_AT_ONCE });
    ids.push(...page.deadLetters.map(({ id }) => id));
    if (page.next === null) break;
    after = page.next;
  }
  const causes = new Map<string, number>();
  let applied = 0;
  for (const id of ids) {
    const answer = await ask(connection, "retry-dead-letter", { actor, id });
    if (answer.applied) applied += 1;
    else causes.set(answer.cause ?? "unknown", (causes.get(answer.cause ?? "unknown") ?? 0) + 1);
  }
  const still = [...causes].map(([name, count]) => `\n${count} still cannot: ${name}`).join("");
  const answer = { tried: ids.length, applied, causes: Object.fromEntries(causes) };
  return { answer, text: `${applied} of ${ids.length} have taken effect.${still}` };
}

export const CLI_COMMANDS: Record<string, Command> = {
  queue: { usage: "queue [group]", summary: "who waits, longest first", run: showQueues },
  groups: { usage: "groups", summary: "groups, how many wait, who has how many", run: showGroups },
  agents: { usage: "agents", summary: "agents with availability, load and capacity", run: showAgents },
  claim: {
    usage: "claim <conversation> --as <agent>",
    summary: "take one waiting conversation",
    run: async (call) => {
      const conversationId = word(call, 0, "the conversation");
      const input = { actor: call.actor, agentId: claimant(call), conversationId };
      const answer = await ask(call.connection, "claim", input);
      return { answer, text: describeAssigned(call, answer) };
    },
  },
  "claim-next": {
    usage: "claim-next --as <agent> [--group <group>]",
    summary: "take the one that has waited longest",
    run: async (call) => {
      const { group } = call.options;
      const ofGroup = group === undefined ? {} : { groupId: call.directory.group(group).id };
      const answer = await ask(call.connection, "claim-next", {
        actor: call.actor,
        agentId: claimant(call),
        ...ofGroup,
      });
      return { answer, text: describeAssigned(call, answer) };
    },
  },
  transfer: {
    usage: "transfer <conversation> --to-agent <agent> | --to-group <group> [--reason <text>] [--force]",
    summary: "give a conversation to an agent or a group",
    run: transfer,
  },
  available: {
    usage: "available <agent> [--capacity <number>|none]",
    summary: "an agent takes conversations",
    run: (call) => setAvailability(call, "available"),
  },
  away: {
    usage: "away <agent>",
    summary: "an agent takes no more",
    run: (call) => setAvailability(call, "away"),
  },
  ...WORK_COMMANDS,
  ...TOKEN_COMMANDS,
  ...SETUP_COMMANDS,
  why: { usage: "why <conversation>", summary: "why this agent", run: explainAssignment },
  waiting: { usage: "waiting <conversation>", summary: "why it still waits", run: explainWaiting },
  "dead-letters": {
    usage: "dead-letters [list [<after>] | retry <id> | retry-all | discard <id>] [--cause <cause>]",
    summary: "updates that could not take effect",
    run: handleDeadLetters,
  },
};

/** Runs a command as the agent of `--as`, or as the program itself, which may do everything. */
export async function runCommand(
  command: Command,
  connection: Connection,
  words: readonly string[],
  options: CliOptions,
): Promise<CliOutcome> {
  const directory = await readDirectory(connection);
  const actor: Actor =
    options.as === undefined ? CLI_ACTOR : { kind: "agent", agentId: directory.agent(options.as).id };
  return command.run({ connection, directory, words, options, actor });
}
