import type { MarketingAsked, MarketingStop } from "@turno/conversation";
import { asJson, type Transaction } from "@turno/database";

/** Where a statement reads a message's template and what the customer last said about marketing messages. */
export interface MarketingRow {
  templateName: string | null;
  category: string | null;
  isStopped: boolean;
  saidAt: Date | null;
}

/** The template of `send` on the account of `channel`: `template` has no values where there is none. */
export const joinTemplate = (tx: Transaction) => tx`
  left join templates as template on send.kind = 'template' and template.account_id = channel.account_id
    and template.name = send.body -> 'template' ->> 'name'
    and template.language = send.body -> 'template' -> 'language' ->> 'code'`;

/** The columns of `MarketingRow`, beside `joinTemplate` and `contact`. */
export const marketingColumns = (tx: Transaction) => tx`
  template.name as "templateName", template.category, contact.marketing_is_stopped as "isStopped",
  contact.marketing_said_at as "saidAt"`;

export function toMarketing({ templateName: name, category, isStopped, saidAt }: MarketingRow): MarketingAsked | null {
  return name === null || category === null ? null : { name, category, isStopped, saidAt };
}

/** Reads which of the messages are templates that are known, and what their customers last said about marketing messages. */
export async function readMarketing(tx: Transaction, sendIds: readonly string[]): Promise<Map<string, MarketingAsked>> {
  const rows = await tx<(MarketingRow & { id: string })[]>`
    select send.id, ${marketingColumns(tx)}
    from sends as send
    join contacts as contact on contact.id = send.contact_id
    join channels as channel on channel.id = send.channel_id
    ${joinTemplate(tx)}
    where send.id = any(${[...sendIds]}::uuid[]) and send.kind = 'template'`;
  return new Map(
    rows.flatMap((row) => {
      const marketing = toMarketing(row);
      return marketing === null ? [] : [[row.id, marketing] as const];
    }),
  );
}

/**
 * Notes that customers stopped marketing messages, where Meta said so by a refusal. What a customer said at the same instant
 * or later stays. In the order of the contacts, which nothing else locks after sends.
 */
export async function noteMarketingStops(tx: Transaction, stops: readonly MarketingStop[]): Promise<void> {
  if (stops.length === 0) return;
  await tx`
    update contacts set marketing_is_stopped = true, marketing_said_at = stop."saidAt"
    from (
      select contact.id, stop."saidAt" from (
        select "contactId", max("saidAt") as "saidAt"
        from json_to_recordset(${asJson(stops)}::text::json) as stop("contactId" uuid, "saidAt" timestamptz)
        group by "contactId"
      ) as stop
      join contacts as contact on contact.id = stop."contactId"
        and (contact.marketing_said_at is null or contact.marketing_said_at < stop."saidAt")
      order by contact.id for no key update of contact
    ) as stop
    where contacts.id = stop.id`;
}
