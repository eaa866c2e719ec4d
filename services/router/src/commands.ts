import {
  claim,
  claimNext,
  configure,
  discardDeadLetter,
  explainAssignment,
  explainWaiting,
  heartbeat,
  isRefusal,
  listDeadLetters,
  listGroups,
  listQueue,
  retryDeadLetter,
  setAvailability,
  transfer,
  type Sql,
} from "@turno/database";
import type { CommandHandlers } from "@turno/messaging";
import type { Refusal } from "@turno/conversation";
import { readLine } from "./read-line.ts";

/** The commands that the router owns: it answers them from the database, and gives out what they made possible. */
export function createCommandHandlers(
  sql: Sql,
  trigger: (groupIds: Iterable<string>) => void,
  createId: () => string,
): CommandHandlers {
  const answerAndAssign = <T extends object>(result: { answer: T; affectedGroupIds: string[] } | Refusal) => {
    if (isRefusal(result)) return result;
    trigger(result.affectedGroupIds);
    return result.answer;
  };
  return {
    configure: async (request) => answerAndAssign(await configure(sql, request)),
    "set-availability": async (request) => answerAndAssign(await setAvailability(sql, request, createId)),
    heartbeat: async (request) => answerAndAssign(await heartbeat(sql, request)),
    claim: (request) => claim(sql, request, createId),
    "claim-next": (request) => claimNext(sql, request, createId),
    transfer: async (request) => answerAndAssign(await transfer(sql, request, createId)),
    "list-queue": (request) => listQueue(sql, request),
    "list-groups": (request) => listGroups(sql, request),
    "explain-assignment": (request) => explainAssignment(sql, request),
    "explain-waiting": (request) => explainWaiting(sql, request),
    "list-dead-letters": (request) => listDeadLetters(sql, request),
    "retry-dead-letter": async (request) => {
      const result = await retryDeadLetter(sql, request, readLine, createId);
      if (isRefusal(result)) return result;
      trigger(result.outcome.queuedGroupIds);
      return result.answer;
    },
    "discard-dead-letter": (request) => discardDeadLetter(sql, request),
  };
}
