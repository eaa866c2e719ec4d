import type { OutgoingMessage } from "@turno/contracts";
import {
  refuseMarketing,
  refuseTemplate,
  refuseWithoutPhone,
  wordsDue,
  writeTemplateText,
  writeWords,
  type Template,
  type TemplateList,
  type WordKind,
  type WordsDecision,
  type WordsLook,
} from "@turno/conversation";
import { asJson, readClock, retryOnConflict, type Sql, type Transaction } from "@turno/database";
import { SETS_NOTHING_ASIDE, type SetAside } from "@turno/runtime";
import { writeSends, type PassedMessage } from "../sending-gate/write-send.ts";

export interface SaidWords {
  kind: WordKind;
  /** `refused`: its template may not be sent to this customer, or not at all. */
  outcome: "said" | "refused";
}

interface LookRow extends Omit<WordsLook, "session"> {
  conversationId: string;
  channelId: string;
  contactId: string;
  phoneNumberId: string;
  accountId: string | null;
  sequence: number;
  sessionEndsAt: Date | null;
  sessionClosedAt: Date | null;
  phone: string | null;
  saidAt: Date | null;
}

type Due = LookRow & { say: NonNullable<WordsDecision["say"]> };

/**
 * Says what groups say on their own, where that is due. Any number of trackers may call it at once: what is said, and that
 * it was said in this session, is decided and written under the conversation's lock. It leaves to the next call what another
 * transaction is changing right now.
 */
export async function sayDue(
  sql: Sql,
  options: { limit: number; createId: () => string; setAside?: SetAside },
): Promise<SaidWords[]> {
  const { limit, createId, setAside = SETS_NOTHING_ASIDE } = options;
  const due = await sql<{ conversationId: string }[]>`
    select conversation_id as "conversationId" from word_looks
    where look_at <= turno_now() and conversation_id <> all(${[...setAside.keys]}::uuid[])
    order by look_at limit ${limit}`;
  const said: SaidWords[] = [];
  const ids = due.map(({ conversationId }) => conversationId);
  await setAside.run(ids, String, async (some) => {
    said.push(...(await retryOnConflict(() => sql.begin((tx) => sayInTransaction(tx, some, createId)))));
  });
  return said;
}

async function sayInTransaction(tx: Transaction, ids: readonly string[], createId: () => string) {
  const rows = await lockLooks(tx, ids);
  const now = await readClock(tx);
  const decided = rows.map((row) => {
    const session = { endsAt: row.sessionEndsAt, closedAt: row.sessionClosedAt };
    return { row, ...wordsDue({ ...row, session }, now) };
  });
  const due = decided.flatMap(({ row, say }) => (say === null ? [] : [{ ...row, say }]));
  const messages = await writeMessages(tx, due, now);
  await writeSends(tx, messages, now, createId);
  await writeLooks(
    tx,
    decided.map(({ row, say, lookAt }) => ({ id: row.conversationId, lookAt, kind: say?.kind ?? null })),
  );
  const passed = new Set(messages.map(({ conversation }) => conversation.id));
  return due.map(({ conversationId, say }): SaidWords => {
    return { kind: say.kind, outcome: passed.has(conversationId) ? "said" : "refused" };
  });
}

/** Locks the conversations that are still to be looked at, with what decides. One that ended has nothing due. */
function lockLooks(tx: Transaction, ids: readonly string[]): Promise<LookRow[]> {
  return tx<LookRow[]>`
    select conversation.id as "conversationId", conversation.channel_id as "channelId",
      conversation.contact_id as "contactId", channel.phone_number_id as "phoneNumberId",
      channel.account_id as "accountId", conversation.sequence, conversation.state,
      conversation.queued_at as "queuedAt", conversation.session_ends_at as "sessionEndsAt",
      conversation.session_closed_at as "sessionClosedAt", conversation.said_words as said,
      look.is_opening as "isOpening", contact.marketing_is_stopped as "isStopped",
      contact.marketing_said_at as "saidAt", contact.phone,
      groups.outside_hours as "outsideHours", groups.hours,
      coalesce(groups.automatic_words, '{"outsideHours":null,"greeting":null,"queue":null}') as words
    from conversations as conversation
    join word_looks as look on look.conversation_id = conversation.id and look.look_at <= turno_now()
    join groups on groups.id = conversation.group_id
    join channels as channel on channel.id = conversation.channel_id
    join contacts as contact on contact.id = conversation.contact_id
    where conversation.id = any(${[...ids]}::uuid[])
    order by conversation.id for update of conversation skip locked`;
}

/** Returns the messages, without those whose template may not be sent. */
async function writeMessages(tx: Transaction, due: readonly Due[], now: Date): Promise<PassedMessage[]> {
  const templates = await readTemplates(tx, due);
  return due.flatMap((row): PassedMessage[] => {
    const { conversationId: id, channelId, contactId, phoneNumberId, sequence, say } = row;
    const conversation = { id, channelId, contactId, phoneNumberId, sequence };
    const base = { conversation, actor: { kind: "system" } as const, agentId: null, isOpening: false };
    if (say.how === "text") {
      const body = writeWords(say.words.text, row, now);
      const message: OutgoingMessage = { type: "text", body, previewUrl: false };
      return [{ ...base, message, text: null, automatic: say.kind }];
    }
    const template = templates.get(id);
    const wanted = say.words.template;
    if (template === undefined || wanted === null) return [];
    const { list, found } = template;
    const marketing = found === null ? null : { ...found, isStopped: row.isStopped, saidAt: row.saidAt };
    const refusal =
      refuseTemplate(wanted, found, [], list) ??
      (marketing === null ? null : (refuseMarketing(marketing) ?? refuseWithoutPhone(marketing, row.phone)));
    if (refusal !== null || found === null) return [];
    const message: OutgoingMessage = { type: "template", ...wanted, components: [] };
    return [{ ...base, message, text: writeTemplateText(found, []), automatic: say.kind }];
  });
}

interface TemplateRow {
  list: TemplateList | null;
  found: (Template & { category: string }) | null;
}

async function readTemplates(tx: Transaction, due: readonly Due[]): Promise<Map<string, TemplateRow>> {
  const wanted = due.flatMap(({ conversationId, accountId, say }) =>
    say.how === "template" ? [{ conversationId, accountId, ...say.words.template }] : [],
  );
  if (wanted.length === 0) return new Map();
  const rows = await tx<
    (TemplateList & Template & { conversationId: string; category: string; isListed: boolean; isFound: boolean })[]
  >`
    select wanted."conversationId", list.account_id is not null as "isListed", list.read_at as "readAt",
      list.failed_since as "failedSince", list.failure, template.name is not null as "isFound", template.name,
      template.language, template.status, template.components, template.category
    from json_to_recordset(${asJson(wanted)}::text::json) as wanted(
      "conversationId" uuid, "accountId" text, name text, language text)
    left join template_lists as list on list.account_id = wanted."accountId"
    left join templates as template on template.account_id = wanted."accountId" and template.name = wanted.name
      and template.language = wanted.language`;
  return new Map(
    rows.map(({ conversationId, isListed, isFound, ...row }) => {
      return [conversationId, { list: isListed ? row : null, found: isFound ? row : null }];
    }),
  );
}

/** What could not be said counts as said: it is not tried again with each message of the session. */
async function writeLooks(
  tx: Transaction,
  looked: readonly { id: string; lookAt: Date | null; kind: WordKind | null }[],
): Promise<void> {
  if (looked.length === 0) return;
  const rows = asJson(looked);
  await Promise.all([
    tx`
      update conversations set said_words = said_words || looked.kind
      from json_to_recordset(${rows}::text::json) as looked(id uuid, kind text)
      where conversations.id = looked.id and looked.kind is not null`,
    tx`
      update word_looks set look_at = looked."lookAt", is_opening = false
      from json_to_recordset(${rows}::text::json) as looked(id uuid, "lookAt" timestamptz)
      where conversation_id = looked.id and looked."lookAt" is not null`,
    tx`
      delete from word_looks using json_to_recordset(${rows}::text::json) as looked(id uuid, "lookAt" timestamptz)
      where conversation_id = looked.id and looked."lookAt" is null`,
  ]);
}
