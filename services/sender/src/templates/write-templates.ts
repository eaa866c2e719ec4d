import {
  and,
  asJson,
  eq,
  expression,
  isNotNull,
  movePositions,
  typed,
  type LogReader,
  type PositionMove,
  type Sql,
  type Transaction,
} from "@turno/database";
import { channels, templates } from "@turno/database/schema";

/** A template as Meta's list has it. */
export interface ListedTemplate {
  templateId: string;
  name: string;
  language: string;
  status: string;
  category: string;
  quality: string | null;
  components: unknown;
}

/** What an account webhook changes in a template; what is not there stays. */
export interface TemplateUpdate {
  accountId: string;
  templateId: string;
  name: string;
  language: string;
  receivedAt: Date;
  status?: string;
  quality?: string;
  category?: string;
}

/** The accounts whose templates may be sent on a channel. */
export async function listAccounts(sql: Sql): Promise<string[]> {
  const { accountId } = channels;
  const rows = await typed(sql)
    .selectDistinct({ accountId })
    .from(channels)
    .where(isNotNull(accountId))
    .orderBy(accountId);
  return rows.flatMap((row) => row.accountId ?? []);
}

/** Notes that an account's list was read at an instant, or why it could not be: since when is that of the first failure. */
export async function noteList(
  sql: Sql,
  accountId: string,
  { readAt, failure }: { readAt: Date; failure: string | null },
): Promise<void> {
  await sql`
    insert into template_lists (account_id, read_at, failed_since, failure)
    values (${accountId}, ${failure === null ? readAt : null}, ${failure === null ? null : readAt}, ${failure})
    on conflict (account_id) do update set
      read_at = coalesce(excluded.read_at, template_lists.read_at),
      failed_since = case when excluded.failure is not null then coalesce(template_lists.failed_since, excluded.failed_since) end,
      failure = excluded.failure`;
}

/**
 * Makes an account's templates what Meta's list says, which was read at `readAt` (by our clock, before the call). A
 * status that a webhook brought after that stays. Those that the list no longer has are deleted. Returns how many there are.
 */
export async function replaceTemplates(
  sql: Sql,
  accountId: string,
  listed: readonly ListedTemplate[],
  readAt: Date,
): Promise<number> {
  await sql.begin(async (tx) => {
    const rows = asJson(listed);
    await tx`
      insert into templates (account_id, name, language, template_id, status, category, quality, components, changed_at)
      select distinct on (name, language) ${accountId}, name, language, "templateId", status, category, quality,
        components, ${readAt}::timestamptz
      from json_to_recordset(${rows}::text::json) as listed(
        "templateId" text, name text, language text, status text, category text, quality text, components json)
      order by name, language
      on conflict (account_id, name, language) do update set
        template_id = excluded.template_id, category = excluded.category, quality = excluded.quality,
        components = excluded.components,
        status = case when templates.changed_at > excluded.changed_at then templates.status else excluded.status end,
        changed_at = greatest(templates.changed_at, excluded.changed_at)`;
    await tx`
      delete from templates where account_id = ${accountId} and changed_at <= ${readAt} and not exists (
        select from json_to_recordset(${rows}::text::json) as listed(name text, language text)
        where listed.name = templates.name and listed.language = templates.language)`;
  });
  return listed.length;
}

/**
 * Applies what account webhooks say of templates and moves the reader's positions, in one transaction. Returns the
 * accounts of which a template was named that is not known here: their list has to be read.
 */
export async function applyTemplateUpdates(
  sql: Sql,
  batch: { reader: LogReader; moves: readonly PositionMove[]; updates: readonly TemplateUpdate[] },
): Promise<string[]> {
  return sql.begin(async (tx) => {
    await movePositions(tx, batch.reader, batch.moves);
    const unknownAccountIds = new Set<string>();
    // Few and far between, and several of a batch may be about the same template, in this order.
    for (const update of batch.updates) {
      const { count } = await writeUpdate(tx, update);
      if (count === 0) unknownAccountIds.add(update.accountId);
    }
    return [...unknownAccountIds];
  });
}

/** A status counts from its instant on; what is undefined stays. */
function writeUpdate(tx: Transaction, update: TemplateUpdate) {
  const { accountId, name, language, receivedAt, status, quality, category } = update;
  const { changedAt } = templates;
  const later = {
    status: expression`case when ${changedAt} <= ${receivedAt} then ${status} else ${templates.status} end`,
    changedAt: expression`greatest(${changedAt}, ${receivedAt})`,
  };
  return typed(tx)
    .update(templates)
    .set({ quality, category, ...(status === undefined ? { changedAt: expression`${changedAt}` } : later) })
    .where(and(eq(templates.accountId, accountId), eq(templates.name, name), eq(templates.language, language)));
}
