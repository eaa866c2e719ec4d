import type { Settlement, TryWaits } from "@turno/conversation";
import { asJson, release, writeEvents, type Transaction } from "@turno/database";
import { noteMarketingStops } from "./marketing.ts";
import { noteAnswers } from "./note-answers.ts";
import { closeCircuits, openCircuits, type CircuitChange } from "../circuits/circuits.ts";

/** Writes a settlement: one statement a table, in one round trip. Returns the circuits that it opened and closed. */
export async function writeSettlement(
  tx: Transaction,
  settlement: Settlement,
  before: Settlement["conversations"],
  tryWaits: TryWaits,
): Promise<CircuitChange[]> {
  const { now } = settlement;
  const changed = [...settlement.changedConversationIds].flatMap((id) => settlement.conversations.get(id) ?? []);
  const ended = changed.filter(({ id, state }) => state === "failed" && before.get(id)?.state !== "failed");
  const [opened, closed] = await Promise.all([
    openCircuits(tx, settlement.circuits, tryWaits),
    closeCircuits(tx, settlement.passedTries),
    updateSends(tx, settlement),
    updateConversations(tx, changed, now, before),
    noteAnswers(tx, [...settlement.answeredConversationIds]),
    release(tx, { conversationIds: ended.map(({ id }) => id) }, now),
    updateTemplates(tx, settlement),
    noteMarketingStops(tx, settlement.marketingStops),
    insertPayments(tx, settlement),
    writeEvents(tx, settlement.events, now),
  ]);
  return [...opened, ...closed];
}

async function updateSends(tx: Transaction, { sends }: Settlement): Promise<void> {
  if (sends.size === 0) return;
  await tx`
    update sends set state = changed.state, wamid = changed.wamid, error = changed.error,
      pricing = coalesce(changed.pricing, sends.pricing), changed_at = changed."changedAt",
      is_held = changed."isHeld", lease_until = null,
      due_at = case when changed."dueInMs" is null then sends.due_at
        else turno_now() + changed."dueInMs" * interval '1 millisecond' end
    from json_to_recordset(${asJson([...sends.values()])}::text::json) as changed(
      id uuid, state text, wamid text, error json, pricing json, "isHeld" boolean, "changedAt" timestamptz,
      "dueInMs" float8)
    where sends.id = changed.id`;
}

async function updateConversations(
  tx: Transaction,
  changed: readonly { id: string; state: string; sessionClosedAt: Date | null }[],
  now: Date,
  before: Settlement["conversations"],
): Promise<void> {
  if (changed.length === 0) return;
  const rows = changed.map((conversation) => {
    const closedBefore = before.get(conversation.id)?.sessionClosedAt?.getTime();
    // Its session was closed: the tracker has to look at it now and not when the session would have ended.
    return { ...conversation, isClosedNow: conversation.sessionClosedAt?.getTime() !== closedBefore };
  });
  await tx`
    update conversations set state = changed.state, sequence = changed.sequence,
      session_ends_at = changed."sessionEndsAt", session_closed_at = changed."sessionClosedAt",
      check_at = case when changed."isClosedNow" then least(conversations.check_at, ${now}) else conversations.check_at end
    from json_to_recordset(${asJson(rows)}::text::json) as changed(
      id uuid, state text, sequence int, "sessionEndsAt" timestamptz, "sessionClosedAt" timestamptz,
      "isClosedNow" boolean)
    where conversations.id = changed.id`;
}

async function updateTemplates(tx: Transaction, { templates, now }: Settlement): Promise<void> {
  if (templates.length === 0) return;
  await tx`
    update templates set status = changed.status, changed_at = ${now}
    from json_to_recordset(${asJson(templates)}::text::json) as changed(
      "accountId" text, name text, language text, status text)
    where templates.account_id = changed."accountId" and templates.name = changed.name
      and templates.language = changed.language`;
}

/** Notes among the messages: Meta's word on a payment is said beside what was sent. */
async function insertPayments(tx: Transaction, { payments }: Settlement): Promise<void> {
  if (payments.length === 0) return;
  await tx`
    insert into messages (id, key, conversation_id, contact_id, direction, kind, sent_at, received_at, payload)
    select id, key, "conversationId", "contactId", 'in', 'payment', "sentAt", "receivedAt", payload::json
    from json_to_recordset(${asJson(payments)}::text::json) as payment(
      id uuid, key text, "conversationId" uuid, "contactId" uuid, "sentAt" timestamptz, "receivedAt" timestamptz,
      payload text)`;
}
