import type { Actor, RefusalAnswer } from "@turno/contracts";
import { createHash } from "node:crypto";
import { ADVISORY_LOCKS } from "./advisory-locks.ts";
import type { Sql, Transaction } from "./connection.ts";

/** A command that came with a caller's key. */
export interface KeyedCommand {
  verb: string;
  key: string;
  actor: Actor;
  /** What is asked, as the verb's handler gets it. */
  request: object;
}

/** How many answers that are older than a day go with one that is added. More than one, so that they do not pile up. */
const TIDIED_AT_ONCE = 20;

/**
 * Answers a command once. Its whole effect, and its answer under the caller's key, are one transaction: either both are
 * kept or none. The same asker who repeats it gets the first answer, also where that was a refusal; another request under
 * the same key is refused. An answer that says nothing of the outcome is not kept, so the same key may be tried again.
 */
export async function answerOnce(sql: Sql, command: KeyedCommand, run: () => Promise<object>): Promise<object> {
  return sql.beginAround(async (tx) => {
    const { verb, key } = command;
    const asker = nameAsker(command.actor);
    const fingerprint = createHash("sha256").update(JSON.stringify(command.request)).digest("hex");
    const [lock] = await tx<{ isOurs: boolean }[]>`
      select pg_try_advisory_xact_lock(${ADVISORY_LOCKS.callerKey}, hashtext(${`${asker} ${verb} ${key}`})) as "isOurs"`;
    if (lock?.isOurs !== true) return refuseUnderWay();
    // A statement of its own: it sees what was kept before the lock was free.
    const [first] = await tx<{ fingerprint: string; answer: object }[]>`
      select fingerprint, answer from command_answers where asker = ${asker} and verb = ${verb} and key = ${key}`;
    if (first !== undefined) return first.fingerprint === fingerprint ? first.answer : refuseAnother();
    const answer = await run();
    if (saysOutcome(answer)) await keep(tx, { asker, verb, key, fingerprint, answer });
    return answer;
  });
}

async function keep(
  tx: Transaction,
  kept: { asker: string; verb: string; key: string; fingerprint: string; answer: object },
): Promise<void> {
  const { asker, verb, key, fingerprint, answer } = kept;
  await tx`
    with tidied as (
      delete from command_answers where (asker, verb, key) in (
        select asker, verb, key from command_answers where answered_at < turno_now() - interval '1 day'
        order by answered_at limit ${TIDIED_AT_ONCE} for update skip locked)
    )
    insert into command_answers (asker, verb, key, fingerprint, answer, answered_at)
    values (${asker}, ${verb}, ${key}, ${fingerprint}, ${JSON.stringify(answer)}::text::json, turno_now())`;
}

function nameAsker(actor: Actor): string {
  if (actor.kind === "agent") return `agent:${actor.agentId}`;
  return actor.kind === "service" ? `service:${actor.name}` : "system";
}

/** What another service could not do is no outcome. */
const saysOutcome = (answer: object) =>
  !("code" in answer && (answer.code === "unavailable" || answer.code === "defect"));

const refuseUnderWay = (): RefusalAnswer => ({
  code: "key-under-way",
  message: "The same request, under the same key, is being done now. Send it again in a moment to get its answer.",
});

const refuseAnother = (): RefusalAnswer => ({
  code: "key-reused",
  message: "You sent another request under this key. Nothing was done: use a new key for each request.",
});
