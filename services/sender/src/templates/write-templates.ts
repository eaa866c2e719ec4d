import { asJson, movePositions, type LogReader, type PositionMove, type Sql } from "@turno/database";

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
  const rows = await sql<{ accountId: string }[]>`
    select distinct account_id as "accountId" from channels where account_id is not null order by 1`;
  return rows.map(({ accountId }) => accountId);
}

/**
 * Makes an account's templates what Meta's list says, which was read at `readAt` (by our clock, before the call). A
 * status that a webhook brought after that stays. Those that the list no longer has are deleted. Returns how many there are.
 */
export async function replaceTemplates(
  sql: Sql,
  accountId: string,
  templates: readonly ListedTemplate[],
  readAt: Date,
): Promise<number> {
  await sql.begin(async (tx) => {
    const rows = asJson(templates);
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
  return templates.length;
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
      const { accountId, name, language, receivedAt, status = null, quality = null, category = null } = update;
      const updated = await tx`
        update templates set quality = coalesce(${quality}, quality), category = coalesce(${category}, category),
          status = case when changed_at <= ${receivedAt} then coalesce(${status}, status) else status end,
          changed_at = case when ${status}::text is null then changed_at else greatest(changed_at, ${receivedAt}) end
        where account_id = ${accountId} and name = ${name} and language = ${language}`;
      if (updated.count === 0) unknownAccountIds.add(accountId);
    }
    return [...unknownAccountIds];
  });
}
