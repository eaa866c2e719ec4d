import { setTimeout as pause } from "node:timers/promises";
import { PROVE_GROUPS } from "./people.ts";
import type { ProveStage } from "./stage.ts";

const LOOK_EVERY_MS = 100;
const WAIT_MS_MAX = 20_000;

/** What must be true of the tables soon after all is quiet. Returns a sentence for each that is not within 20 s. */
export async function judgeInvariants(stage: ProveStage): Promise<string[]> {
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const broken = await readBroken(stage);
    if (broken.length === 0 || performance.now() > deadline) return broken;
    await pause(LOOK_EVERY_MS);
  }
}

async function readBroken({ sql }: ProveStage): Promise<string[]> {
  const [row] = await sql<Record<string, number>[]>`
    select
      (select count(*)::int from (
        select from conversations where state in ('queued', 'active')
        group by channel_id, contact_id having count(*) > 1) as several) as "contacts with two open conversations",
      (select count(*)::int from (
        select from assignments where ended_at is null
        group by conversation_id having count(*) > 1) as several) as "conversations with two agents",
      (select count(*)::int from conversations left join assignments
        on assignments.conversation_id = conversations.id and assignments.ended_at is null
        where (conversations.state = 'active') <> (assignments.id is not null)
          or assignments.agent_id <> conversations.agent_id) as "conversations whose assignment is not theirs",
      (select count(*)::int from conversations
        where group_id = ${PROVE_GROUPS.fair} and state = 'queued') as "conversations that wait though agents are free",
      (select count(*)::int from conversations where state in ('expired', 'failed')) as "conversations expired or failed",
      (select count(*)::int from conversations where state = 'queued' and group_id <> ${PROVE_GROUPS.manual} and exists (
        select from group_members join agents on agents.id = group_members.agent_id
        where group_members.group_id = conversations.group_id and availability = 'available'
          and agents.id is distinct from conversations.requeued_from_agent_id)) as "queued beside an available agent",
      (select count(*)::int from dead_letters) as "dead letters",
      (select count(*)::int from outbox) as "events not published",
      (select count(*)::int from position_audit) as "positions that a reader without a lease moved back",
      (select count(*)::int from conversations join (
        select entity_id, max(sequence) as last, count(*) as count from events group by entity_id) as told
        on told.entity_id = conversations.id
        where told.last <> conversations.sequence or told.count <> told.last) as "conversations whose events have a gap"`;
  return Object.entries(row ?? {})
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${count} ${what}`);
}
