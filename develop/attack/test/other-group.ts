import type { CommandInput, CommandVerb, ExaminationVerb } from "@turno/contracts";
import { TABLE_WRITERS } from "@turno/database/table-writers";
import { stageAgent, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";

/** A group of which the program is not. */
export const OTHER_GROUP = stageId(1, 1);
const OTHER_CHANNEL = stageId(3, 1);
const OTHER_TICKET = stageId(5);

/** Every verb but what services and operators ask services: no rule of groups is about that, and the broker lets no program send it. */
export type TriedVerb = Exclude<CommandVerb, "read-templates" | ExaminationVerb>;
export type Tries = { [V in TriedVerb]: Omit<CommandInput<V>, "actor"> };

/** Makes the other group, with what waits there and what somebody of both groups has, and returns what to try of it. */
export async function prepareOtherGroup(stage: Stage): Promise<Tries> {
  await stage.command("configure", {
    groups: [{ id: OTHER_GROUP, name: "Billing", distribution: "manual" }],
    agents: [
      { id: stageAgent(2), name: "Of both", groupIds: [STAGE_GROUP, OTHER_GROUP] },
      { id: stageAgent(3), name: "Of the other", groupIds: [OTHER_GROUP] },
    ],
    channels: [{ id: OTHER_CHANNEL, phoneNumberId: "124", accountId: "100", name: "Other", groupId: OTHER_GROUP }],
    programs: [{ name: "bot", groupIds: [STAGE_GROUP] }],
  });
  await stage.publish(["o.1", "o.2"].map((id) => ({ id: `wamid.${id}`, userId: `US.${id}`, phoneNumberId: "124" })));
  const [waiting, held] = await waitFor(
    async () => {
      const rows = await stage.sql<{ id: string; contactId: string }[]>`
        select id, contact_id as "contactId" from conversations where group_id = ${OTHER_GROUP} order by id`;
      const [first, second] = rows;
      return first !== undefined && second !== undefined && ([first, second] as const);
    },
    { what: "two wait in the other group" },
  );
  await stage.command("claim", { agentId: stageAgent(2), conversationId: held.id });
  await stage.sql`
    insert into tickets (id, key, subject, body, status, created_at, changed_at, changed_by)
    values (${OTHER_TICKET}, ${OTHER_TICKET}, 'Other', '', 'open', now(), now(), '{}')`;
  await stage.sql`
    update conversations set ticket_id = ${OTHER_TICKET}, ticket_number = 1, ticket_link = 'confirmed'
    where id = ${held.id}`;
  return triesOf(waiting, held);
}

function triesOf(waits: { id: string; contactId: string }, has: { id: string; contactId: string }): Tries {
  const [waiting, held] = [waits.id, has.id];
  const [ofBoth, ofTheOther] = [stageAgent(2), stageAgent(3)];
  const message = { type: "text" as const, body: "hola" };
  const ticket = { id: OTHER_TICKET };
  const unknown = { id: stageId(9) };
  return {
    configure: { programs: [{ name: "bot", groupIds: "all" }] },
    "set-availability": { agentId: ofTheOther, availability: "available" },
    heartbeat: { agentId: ofTheOther },
    accept: { agentId: ofBoth, conversationId: held },
    decline: { agentId: ofBoth, conversationId: held },
    claim: { agentId: ofBoth, conversationId: waiting },
    "claim-next": { agentId: ofBoth },
    transfer: { conversationId: held, to: { groupId: STAGE_GROUP }, force: true },
    "list-queue": { groupId: OTHER_GROUP },
    "list-groups": {},
    "explain-assignment": { conversationId: held },
    "explain-waiting": { conversationId: waiting },
    "list-contact-conflicts": {},
    "join-contacts": { contactId: waits.contactId, otherId: has.contactId },
    "block-contact": { contactId: has.contactId, reason: "spam" },
    "unblock-contact": { contactId: has.contactId },
    "close-as-spam": { conversationId: held, block: true },
    "list-dead-letters": {},
    "retry-dead-letter": unknown,
    "retry-status": unknown,
    "discard-dead-letter": unknown,
    send: { agentId: ofBoth, conversationId: held, message },
    "start-conversation": {
      agentId: ofBoth,
      channelId: OTHER_CHANNEL,
      to: { phone: "34600111222" },
      message: { type: "template", name: "hello", language: "es" },
    },
    "list-templates": { channelId: OTHER_CHANNEL },
    "list-circuits": {},
    "reset-circuit": { scope: "number", key: "124" },
    "list-access-tokens": {},
    "set-access-token": { scope: "account", key: "100", token: "EAAofTheBot" },
    "rotate-token-keys": {},
    close: { conversationId: held },
    finalise: { conversationId: held },
    "propose-ticket-link": { conversationId: held, ticket },
    "confirm-ticket-link": { conversationId: held },
    "reject-ticket-link": { conversationId: held },
    "link-ticket": { conversationId: held, ticket },
    "create-ticket": { conversationId: held, subject: "Mine" },
    "search-tickets": {},
    "read-ticket": { ticket },
    "read-ticket-action": { ticket, actionId: stageId(9) },
    "edit-ticket": { ticket, comment: "mine" },
    "complete-ticket-action": { ticket, actionId: stageId(9), note: "mine" },
  };
}

/** Leases, positions, and what goes out by itself. */
const PASSING = /^(log_|relay_|event_readers|outbox|rate_limits|template_lists|server_run)/;

/** Returns a sum of what each table holds. */
export async function readAllTables({ sql }: Stage): Promise<string[]> {
  const tables = Object.keys(TABLE_WRITERS).filter((table) => !PASSING.test(table));
  return Promise.all(
    tables.map(async (table) => {
      const [row] = await sql.unsafe<{ sum: string }[]>(
        `select coalesce(md5(string_agg(row::text, ',' order by row::text)), '') as sum from ${table} as row`,
      );
      return `${table} ${row?.sum}`;
    }),
  );
}
