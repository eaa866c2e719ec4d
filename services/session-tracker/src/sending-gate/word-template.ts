import type { TemplateMessage } from "@turno/contracts";
import {
  refuseMarketing,
  refuseTemplate,
  refuseWithoutPhone,
  writeTemplateText,
  type Refusal,
  type Template,
  type TemplateList,
} from "@turno/conversation";
import type { Transaction } from "@turno/database";

/** What decides whether a template may go to a customer. */
export interface TemplateReceiver {
  isStopped: boolean;
  /** When the customer last said something about marketing messages; null where it never did. */
  saidAt: Date | null;
  phone: string | null;
}

/** Reads it of a contact. */
export async function readReceiver(tx: Transaction, contactId: string): Promise<TemplateReceiver> {
  const [row] = await tx<TemplateReceiver[]>`
    select marketing_is_stopped as "isStopped", marketing_said_at as "saidAt", phone from contacts where id = ${contactId}`;
  return row ?? { isStopped: false, saidAt: null, phone: null };
}

/** Returns a template's text as the customer reads it, or why Meta would refuse it. */
export async function wordTemplate(
  tx: Transaction,
  message: TemplateMessage,
  accountId: string | null,
  receiver: Promise<TemplateReceiver> | TemplateReceiver,
): Promise<{ text: string | null } | Refusal> {
  const [[list = null], [template = null], { isStopped, saidAt, phone }] = await Promise.all([
    tx<TemplateList[]>`
      select read_at as "readAt", failed_since as "failedSince", failure from template_lists
      where account_id = ${accountId}`,
    tx<(Template & { category: string })[]>`
      select name, language, status, components, category from templates
      where account_id = ${accountId} and name = ${message.name} and language = ${message.language}`,
    receiver,
  ]);
  const refusal = refuseTemplate(message, template, message.components, list);
  if (refusal !== null || template === null) return refusal ?? { text: null };
  const unsendable = refuseMarketing({ ...template, isStopped, saidAt }) ?? refuseWithoutPhone(template, phone);
  return unsendable ?? { text: writeTemplateText(template, message.components) };
}
