import type { Refusal } from "@turno/conversation";
import { isRefusal, type Sql } from "@turno/database";
import { requestCommand, type CommandHandlers, type Connection } from "@turno/messaging";
import { createDeadLetterCommands, retryDeadLetter } from "@turno/stateful-service";
import { interpretLine, isStatusLine } from "@turno/whatsapp";
import { accept, decline } from "./assignment/answer-offer.ts";
import { claim, claimNext } from "./assignment/claim.ts";
import { heartbeat } from "./assignment/heartbeat.ts";
import { explainAssignment, explainWaiting, listGroups, listQueue } from "./assignment/read-queues.ts";
import { setAvailability } from "./assignment/set-availability.ts";
import { transfer } from "./assignment/transfer.ts";
import { blockContact, unblockContact } from "./contacts/block-contact.ts";
import { closeAsSpam } from "./contacts/close-as-spam.ts";
import { joinAsked, listContactConflicts } from "./contacts/contact-conflicts.ts";
import { configure } from "./configuration/configure.ts";
import { applyInbound } from "./inbound/apply-inbound.ts";

/** Shorter than anybody waits for the router's own answer. */
const PASSED_ON_MS_MAX = 4_000;

/**
 * Creates the handlers of the router's commands. They answer from the database, and trigger giving out where a command
 * made it possible.
 */
export function createCommandHandlers(
  sql: Sql,
  {
    trigger,
    createId,
    onDefect,
    connection,
  }: {
    /** Passes on what the sender has to try again. */
    connection: Connection;
    trigger: (groupIds: Iterable<string>) => void;
    createId: () => string;
    /** Hears of a defect for which a dead letter is set aside again. */
    onDefect: (error: unknown) => void;
  },
): CommandHandlers {
  const answerAndAssign = <T extends object>(result: { answer: T; affectedGroupIds: string[] } | Refusal) => {
    if (isRefusal(result)) return result;
    sql.onceKept(() => trigger(result.affectedGroupIds));
    return result.answer;
  };
  return {
    configure: async (request) => answerAndAssign(await configure(sql, request, createId)),
    "set-availability": async (request) => answerAndAssign(await setAvailability(sql, request, createId)),
    heartbeat: async (request) => answerAndAssign(await heartbeat(sql, request)),
    accept: (request) => accept(sql, request, createId),
    decline: (request) => decline(sql, request, createId),
    claim: (request) => claim(sql, request, createId),
    "claim-next": (request) => claimNext(sql, request, createId),
    transfer: (request) => transfer(sql, request, createId),
    "list-queue": (request) => listQueue(sql, request),
    "list-contact-conflicts": (request) => listContactConflicts(sql, request),
    "join-contacts": (request) => joinAsked(sql, request, createId),
    "block-contact": (request) => blockContact(sql, request, createId),
    "unblock-contact": (request) => unblockContact(sql, request, createId),
    "close-as-spam": (request) => closeAsSpam(sql, request, createId),
    "list-groups": (request) => listGroups(sql, request),
    "explain-assignment": (request) => explainAssignment(sql, request),
    "explain-waiting": (request) => explainWaiting(sql, request),
    ...createDeadLetterCommands(sql),
    "retry-dead-letter": (request) =>
      retryDeadLetter(sql, request, {
        isOwn: (line) => !isStatusLine(line),
        passOn: async () => {
          const reply = await requestCommand(connection, "retry-status", request, { timeoutMs: PASSED_ON_MS_MAX });
          return "refusal" in reply ? reply.refusal : reply;
        },
        read: interpretLine,
        apply: async (batch) => {
          const outcome = await applyInbound(sql, { ...batch, createId });
          sql.onceKept(() => trigger(outcome.queuedGroupIds));
          return outcome;
        },
        onDefect,
      }),
  };
}
