import type { SendCandidate } from "@turno/conversation";
import { asJson, type Transaction } from "@turno/database";

interface TemplateName {
  accountId: string | null;
  name: unknown;
  language: unknown;
}

function templateOf({ accountId, body }: SendCandidate): TemplateName {
  const template = (body["template"] ?? {}) as { name?: unknown; language?: { code?: unknown } };
  return { accountId, name: template.name, language: template.language?.code };
}

const toKey = ({ accountId, name, language }: TemplateName) => JSON.stringify([accountId, name, language]);

/** Names the template of a message, as those that are read are named. */
export const templateKeyOf = (candidate: SendCandidate): string => toKey(templateOf(candidate));

/** Reads which of the messages' templates Meta takes to a phone number only, by their keys. */
export async function readAuthenticationTemplates(
  tx: Transaction,
  chosen: readonly SendCandidate[],
): Promise<Set<string>> {
  const wanted = chosen.filter(({ kind }) => kind === "template").map(templateOf);
  if (wanted.length === 0) return new Set();
  const rows = await tx<TemplateName[]>`
    select template.account_id as "accountId", template.name, template.language
    from json_to_recordset(${asJson(wanted)}::text::json) as wanted("accountId" text, name text, language text)
    join templates as template
      on template.account_id = wanted."accountId" and template.name = wanted.name and template.language = wanted.language
    where template.category = 'AUTHENTICATION'`;
  return new Set(rows.map(toKey));
}
