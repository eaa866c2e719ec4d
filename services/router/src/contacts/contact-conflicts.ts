import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { OF_NO_GROUP, refuse, refuseUnpermitted, scopeOf, type Refusal, type Scope } from "@turno/conversation";
import { isRefusal, readAsker, type Sql } from "@turno/database";
import { joinContacts } from "./join-contacts.ts";

/** Lists contacts that may be one person, of which the asker may read both. */
export async function listContactConflicts(
  sql: Sql,
  { actor, limit }: CommandRequest<"list-contact-conflicts">,
): Promise<CommandAnswer<"list-contact-conflicts"> | Refusal> {
  const asker = await readAsker(sql, actor);
  if (isRefusal(asker)) return asker;
  const scope = scopeOf(asker, "join-contacts");
  if (scope === "none") return refuseUnpermitted(asker, "join-contacts", OF_NO_GROUP) ?? { conflicts: [] };
  const rows = await sql<(Omit<Row, "noticedAt"> & { noticedAt: Date })[]>`
    select json_build_object('id', one.id, 'name', one.name, 'phone', one.phone, 'userId', one.user_id) as contact,
      json_build_object('id', other.id, 'name', other.name, 'phone', other.phone, 'userId', other.user_id) as other,
      conflict.noticed_at as "noticedAt"
    from contact_conflicts as conflict
    join contacts as one on one.id = conflict.contact_id join contacts as other on other.id = conflict.other_contact_id
    where ${isIn(sql, scope, "contact_id")} and ${isIn(sql, scope, "other_contact_id")}
    order by conflict.noticed_at, conflict.contact_id, conflict.other_contact_id limit ${limit}`;
  return { conflicts: rows.map((row) => ({ ...row, noticedAt: row.noticedAt.toISOString() })) };
}

type Row = CommandAnswer<"list-contact-conflicts">["conflicts"][number];

function isIn(sql: Sql, scope: Exclude<Scope, "none">, column: "contact_id" | "other_contact_id") {
  if (scope === "all") return sql`true`;
  return sql`exists (
    select from conversations where contact_id = conflict.${sql(column)} and group_id = any(${[...scope]}::uuid[]))`;
}

/** Joins two contacts because a person says so, who may read conversations of both. */
export async function joinAsked(
  sql: Sql,
  { actor, contactId, otherId }: CommandRequest<"join-contacts">,
  createId: () => string,
): Promise<CommandAnswer<"join-contacts"> | Refusal> {
  const asker = await readAsker(sql, actor);
  if (isRefusal(asker)) return asker;
  if (contactId === otherId) return refuse("invalid", "otherId: must be another contact than contactId.");
  const groups = await sql<{ id: string; groupIds: string[] }[]>`
    select id, array(
      select distinct group_id from conversations where contact_id = coalesce(contacts.joined_into_id, contacts.id)
    ) as "groupIds"
    from contacts where id = any(${[contactId, otherId]}::uuid[])`;
  for (const { groupIds } of groups) {
    const denied = refuseUnpermitted(asker, "join-contacts", { agentIds: [], groupIds });
    if (denied !== null) return denied;
  }
  const because = { because: "command" as const, phoneNumberId: null, actor };
  const remaining = await joinContacts(sql, { contactIds: [contactId, otherId], because, createId });
  return remaining === null ? refuse("not-found", "One of these contacts does not exist.") : { contactId: remaining };
}
