-- The schema of a migrated database, to read. Written by `npm run schema -w @turno/database`; services migrate by themselves.

-- Functions stand before the tables that they read.
set check_function_bodies = off;

create sequence events_position;

-- To be called once in a restored database, before anything else connects to it: what was remembered of the other
-- course of history is void from here on.
create function turno_begin_timeline() returns uuid language sql
  as $$
  insert into server_run default values on conflict do nothing;
  update database_timeline set id = gen_random_uuid(), server_timeline = turno_server_timeline(), began_at = turno_now(),
    sends_settled_at = null
  returning id$$;

-- The database's clock: leases and Meta's rates go by it, because they are about processes and not about customers.
-- Only a test replaces this function, to set the clock.
create function turno_clock() returns timestamptz language sql
  as $$select clock_timestamp()$$;

create function turno_clock_is_shifted() returns boolean language sql immutable
  as $$select false$$;

-- A member that rests comes back into the rotation in the transaction that may make it eligible, whatever makes that
-- change.
create function turno_end_rest_of_agent() returns trigger language plpgsql
  as $$
  begin
    update group_members set is_in_rotation = true where agent_id = new.id and not is_in_rotation;
    return null;
  end $$;

-- In a group that does not ask for presence any more, those who rest because they were absent may be eligible.
create function turno_end_rest_of_group() returns trigger language plpgsql
  as $$
  begin
    perform from agents where id in (select agent_id from group_members where group_id = new.id and not is_in_rotation)
      order by id for no key update;
    update group_members set is_in_rotation = true where group_id = new.id and not is_in_rotation;
    return null;
  end $$;

-- The transaction has its id before it takes a position: if a transaction is known to have begun after a moment, its
-- positions are from after that moment.
create function turno_event_position() returns bigint language sql
  return (select nextval('events_position') as nextval from pg_current_xact_id() pg_current_xact_id(pg_current_xact_id));

-- Text without case and accents, for searching: decomposed, without combining marks, in lower case.
create function turno_fold(value text) returns text language sql immutable parallel safe strict
  return lower(regexp_replace(normalize(value, nfd), '[\u0300-\u036f]', '', 'g'));

-- The lines of a parameter. Planned as a hundred, as json_to_recordset is, whatever they are.
create function turno_lines(value text) returns setof text language sql immutable parallel safe strict rows 100
  as $$select string_to_table(value, E'\n')$$;

-- Whether Meta may be called: not before it is known what the abandoned timeline had sent.
create function turno_may_send() returns boolean language sql
  as $$
  select sends_settled_at is not null and turno_timeline_is_current() from database_timeline$$;

-- How many migrations code must know to work on this schema. Raised by each migration that takes something away.
create function turno_migrations_min() returns integer language sql immutable
  as $$select 1$$;

-- The one clock of every rule. Only a test or demo database may replace this function, to shift or speed up time, and
-- the next one with it, which says that it was done on purpose: nothing expires where the two clocks differ without it.
create function turno_now() returns timestamptz language sql
  as $$select turno_clock()$$;

-- The words of what was said on a ticket, with those of one text more. A tsvector holds 1 MB at most, of which the
-- ticket's own words need a part: of more than that the first words are kept.
create function turno_said(said tsvector, value text) returns tsvector language plpgsql immutable
  as $$
declare
  grown tsvector;
begin
  grown := said || strip(to_tsvector('simple', turno_fold(left(value, 200000))));
  return case when octet_length(tsvectorsend(grown)) > 700000 then said else grown end;
exception when program_limit_exceeded then
  return said;
end
$$;

-- The first part of the name of a WAL file: Postgres's own timeline, new after each promotion.
create function turno_server_timeline() returns text language sql
  as $$select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)$$;

-- False where another server was promoted, or one crashed that does not sync its commits: some of them may be gone.
create function turno_timeline_is_current() returns boolean language sql
  as $$
  select server_timeline = turno_server_timeline()
    and (current_setting('synchronous_commit') <> 'off' or exists (select from server_run))
  from database_timeline$$;

---- people ------------------------------------------------------------------------------------------------------------

-- A group of agents with one queue. `turn` counts the turns taken in it; `round_turn` is the first turn of the current
-- round, in which every eligible agent gets one. Its row lock is the lock of its queue.
create table groups (
  id uuid primary key,
  name text not null,
  distribution text not null check (distribution in ('automatic', 'manual')),
  needs_presence boolean not null default false,
  returning_within_days integer not null default 0,
  returning_wait_seconds integer not null default 0,
  closing_needs_ticket boolean not null default true,
  -- Goes back to the queue where its agent did not answer what had waited, for so long after getting it; 0: never.
  first_answer_seconds integer not null default 0,
  -- Goes back to the queue where its agent's presence lapsed so long ago; 0: it stays.
  absent_requeue_seconds integer not null default 0,
  turn bigint not null default 0,
  round_turn bigint not null default 0,
  -- How long after closing what the customer writes goes to the same agent; 0: not at all.
  follow_up_seconds integer not null default 0,
  counts_presence boolean not null default false,
  -- What it makes of agents' screens.
  presence text not null generated always as (
case
    when needs_presence then 'required'
    when counts_presence then 'counted'
    else 'ignored'
end) stored,
  -- Goes back to the queue where its agent did not answer a later message for so long; 0: never.
  answer_seconds integer not null default 0,
  -- After so many times nobody is given it any more: it waits for somebody who takes it; 0: for ever.
  lapses_max integer not null default 0,
  -- What becomes of the open conversations of who is away.
  when_away text not null default 'keep',
  -- An agent is offered a conversation for so long, and accepts or declines it; 0: it has it at once.
  offer_seconds integer not null default 0,
  -- Who lets so many offers in a row lapse is away; 0: never.
  offers_missed_max integer not null default 0,
  -- When it works; null where nobody said so.
  hours json,
  -- What becomes of what waits while it does not work.
  outside_hours text not null default 'ignored',
  -- Where that goes after so long, where it is to go elsewhere.
  overflow_group_id uuid references groups(id),
  overflow_seconds integer not null default 0,
  -- What it says on its own; null where it says nothing.
  automatic_words json,
  -- Whether agents may close their own conversations as spam, without a ticket.
  agents_may_close_as_spam boolean not null default false
) with (fillfactor = 50);
create trigger groups_end_rest after update of needs_presence, counts_presence on groups for each row when ((old.presence is distinct from new.presence)) execute function turno_end_rest_of_group();

-- A person who answers. `active_count` is how many active conversations it has, kept in the transactions that change
-- it.
create table agents (
  id uuid primary key,
  name text not null,
  role text not null check (role in ('agent', 'operator', 'admin')),
  availability text not null default 'away' check (availability in ('available', 'away')),
  capacity integer,
  active_count integer not null default 0 check (active_count >= 0),
  present_until timestamptz,
  sequence integer not null default 0,
  -- Since when it is away; null where it is available.
  away_since timestamptz,
  -- Since when nothing is done in its name; null while it works here.
  deactivated_at timestamptz,
  -- How many offers it has let lapse since it last accepted or declined one, or became available.
  offers_missed integer not null default 0,
  -- In lower case. Who signs in for the first time with this address, verified by an issuer, is this agent.
  email text,
  check ((deactivated_at is null) or ((availability = 'away') and (active_count = 0)))
) with (fillfactor = 50);
create unique index agents_email_idx on agents (email);
create trigger agents_end_rest after update of availability, capacity, active_count, present_until on agents for each row when (((new.availability = 'available') and ((new.capacity is null) or (new.active_count < new.capacity)) and ((old.availability <> 'available') or (old.active_count >= old.capacity) or (old.present_until is distinct from new.present_until)))) execute function turno_end_rest_of_agent();

-- Who belongs to a group. Only a member in the rotation is looked at for its turn. An assignment that finds one not
-- eligible, or makes it full, takes it out, under the locks of group and agent; it rests until a trigger on `agents`
-- sees a change that may make it eligible, and puts it back in the same transaction.
create table group_members (
  group_id uuid not null references groups(id),
  agent_id uuid not null references agents(id),
  last_turn bigint not null default 0,
  is_in_rotation boolean not null default true,
  primary key (group_id, agent_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index group_members_agent_id_idx on group_members (agent_id, is_in_rotation);
create index group_members_rotation_idx on group_members (group_id, is_in_rotation, last_turn, agent_id);

-- A program that asks in its own name, as the broker's user of that name. It acts in all groups, or in its
-- `program_groups`.
create table programs (
  name text primary key,
  in_all_groups boolean not null
);

-- In which groups a program acts that does not act in all.
create table program_groups (
  program_name text not null references programs(name),
  group_id uuid not null references groups(id),
  primary key (program_name, group_id)
);

-- One business phone number, by Meta's phone number id; what comes in on it waits in `group_id`'s queue.
create table channels (
  id uuid primary key,
  phone_number_id text not null unique,
  -- Meta's account id (WABA): its templates may be sent on this channel.
  account_id text,
  name text not null,
  group_id uuid not null references groups(id),
  -- Meta's throughput of the number, in messages a second; null: that of the sender's configuration.
  rate_per_second integer
);

-- A customer. `user_id` is the business-scoped user id in force, `phone` the number as Meta gave it, `phone_key` its
-- canonical form; either may be unknown. What ends in `_at` beside a fact is Meta's time of what says so.
create table contacts (
  id uuid primary key,
  user_id text,
  phone text,
  name text,
  username text,
  sequence integer not null default 0,
  created_at timestamptz not null,
  marketing_is_stopped boolean not null default false,
  -- Meta's time of what the contact last said about marketing messages; null where it never did.
  marketing_said_at timestamptz,
  user_id_at timestamptz,
  phone_key text,
  phone_at timestamptz,
  named_at timestamptz,
  -- The contact that it was joined with: all that was its own is that one's, which is never joined itself.
  joined_into_id uuid,
  -- Since when it is blocked: it has no open conversation, and gets none. Null while it is not.
  blocked_at timestamptz
);
create index contacts_joined_into_id_idx on contacts (joined_into_id) where (joined_into_id is not null);

-- What a contact is known by: phone numbers in canonical form. Retired ones still lead to their contact, and one that a
-- transaction wrote beside a joining leads to the contact that it was joined with.
create table contact_identities (
  kind text not null check (kind in ('user', 'parent', 'phone')),
  value text not null,
  contact_id uuid not null,
  retired_at timestamptz,
  primary key (kind, value)
);
create index contact_identities_contact_id_idx on contact_identities (contact_id);

-- Two contacts that an update named as the same person without a proof. They become one where a person says so.
create table contact_conflicts (
  contact_id uuid not null,
  other_contact_id uuid not null,
  noticed_at timestamptz not null,
  primary key (contact_id, other_contact_id)
);

---- access-tokens -----------------------------------------------------------------------------------------------------

-- The access tokens of Meta, encrypted. Nobody but the sender reads them.
create table access_tokens (
  scope text not null check (scope in ('account', 'channel')),
  -- Meta's id of the account, or our id of the channel.
  key text not null,
  -- Names the token in circuits and lists, without being it. It stays when the token is encrypted again.
  fingerprint text not null,
  -- Of the key of `TOKEN_KEYS` that opens it.
  key_id text not null,
  sealed text not null,
  set_at timestamptz not null,
  set_by json not null,
  primary key (scope, key)
);

---- conversations -----------------------------------------------------------------------------------------------------

-- What an agent works on. `queued → active → closed`, and from queued or active `→ expired → closed`. `sequence` counts
-- its events. It is not given again to the agent in `requeued_from_agent_id`, who gave it back. Instants that move with
-- every message stay out of every index, so that updates are HOT.
create table conversations (
  id uuid primary key,
  channel_id uuid not null,
  contact_id uuid not null,
  group_id uuid not null,
  state text not null check (state in ('queued', 'active', 'expired', 'closed', 'failed')),
  agent_id uuid,
  requeued_from_agent_id uuid,
  opened_at timestamptz not null,
  queued_at timestamptz not null,
  assigned_at timestamptz,
  -- Meta's session: until when free-form messages may be sent; null where the customer never wrote.
  session_ends_at timestamptz,
  -- When Meta itself said that the session is over (131047); only what the customer writes later opens it again.
  session_closed_at timestamptz,
  -- When the tracker looks at it next: moved lazily, so that a message does not move an index.
  check_at timestamptz not null,
  -- The session end and the minutes before it for which the last warning went out.
  warned_ends_at timestamptz,
  warned_minutes integer,
  -- The expired conversation whose template opened this one.
  continues_conversation_id uuid,
  ticket_id uuid,
  ticket_number bigint,
  ticket_link text,
  sequence integer not null,
  -- When its agent closed it; null where it is open, or ended in another way.
  closed_at timestamptz,
  -- Who let it lapse without an answer since the customer last had one, the last one last.
  lapsed_agent_ids uuid[] not null default '{}'::uuid[],
  lapsed_at timestamptz,
  -- Meta's time of the customer's oldest message that no person of ours answered; null where none waits for that.
  waiting_since timestamptz,
  -- When that message took effect here.
  waiting_noted_at timestamptz,
  -- The conversation in which it goes on, because its contact was joined with that one's.
  joined_into_id uuid,
  -- Until when its agent may accept or decline it; null where it has it. It says nothing of one that is not active.
  offered_until timestamptz,
  -- Which automatic words were said in its session.
  said_words text[] not null default '{}',
  check (((state = 'queued') <= (agent_id is null)) and ((state = 'active') <= (agent_id is not null)))
) with (fillfactor = 85);
create index conversations_agent_id_state_idx on conversations (agent_id, state, group_id, id) where (state in ('active', 'expired', 'closed'));
create index conversations_agent_id_ticket_idx on conversations (agent_id, ticket_number) where (ticket_id is not null);
create index conversations_check_at_idx on conversations (check_at) where (state in ('queued', 'active'));
create index conversations_contact_id_idx on conversations (contact_id, opened_at);
create unique index conversations_continues_idx on conversations (continues_conversation_id) where (continues_conversation_id is not null) and (state <> 'failed');
create index conversations_group_id_state_idx on conversations (group_id, state, id) where (state in ('active', 'expired', 'closed'));
create index conversations_group_id_ticket_idx on conversations (group_id, ticket_number) where (ticket_id is not null);
create index conversations_nobodys_ticket_idx on conversations (group_id, ticket_number) where (ticket_id is not null) and (agent_id is null);
create unique index conversations_open_idx on conversations (contact_id, channel_id) where (state in ('queued', 'active'));
create index conversations_queue_idx on conversations (group_id, queued_at, id) where (state = 'queued');
create index conversations_ticket_id_idx on conversations (ticket_id) where (ticket_id is not null);

-- Conversations in which a group may have to say something on its own, and when to look. The router notes one with the
-- customer's message, the session tracker looks, and takes it out once nothing more can be due.
create table word_looks (
  conversation_id uuid primary key,
  look_at timestamptz not null,
  -- Whether the customer opened it since the last look.
  is_opening boolean not null
);
create index word_looks_look_at_idx on word_looks (look_at);

-- Each time a conversation was given to an agent, with the reason; `ended_at` is null while it still holds.
create table assignments (
  id uuid primary key,
  conversation_id uuid not null,
  group_id uuid not null,
  agent_id uuid not null,
  assigned_at timestamptz not null,
  ended_at timestamptz,
  reason json not null
);
create index assignments_conversation_id_idx on assignments (conversation_id, assigned_at);
create unique index assignments_current_idx on assignments (conversation_id) where (ended_at is null);

-- Messages, calls and notices, ours and theirs. `key` is the update's dedupe key: unique, so that what Meta or the
-- gateway repeats takes effect once. `payload` is `json`, not `jsonb`, because it must keep U+0000 and every digit.
create table messages (
  id uuid primary key,
  key text not null unique,
  conversation_id uuid,
  contact_id uuid,
  direction text not null check (direction in ('in', 'out')),
  kind text not null,
  sent_at timestamptz not null,
  received_at timestamptz not null,
  payload json not null,
  -- What it said, where the payload alone does not say it: the text of a template.
  text text
);
create index messages_change_idx on messages (contact_id) where (kind in ('edit', 'revoke'));
create index messages_said_idx on messages (conversation_id, sent_at, id);

-- Updates that are kept but never distributed: history, standby copies, preferences, groups, app state.
create table observations (
  key text primary key,
  what text not null,
  phone_number_id text,
  received_at timestamptz not null,
  line text not null
);

---- logs --------------------------------------------------------------------------------------------------------------

-- What happened, for ever: the timeline, and the source from which `EVENTS` can be filled again. `id` is a uuid v7 by
-- the clock of the host that wrote it, which may be wrong: `position` alone says what came first. It is taken while the
-- entity's row is locked, so that it grows with `sequence`; `openEventLog` knows which positions are complete.
create table events (
  id uuid primary key,
  type text not null,
  entity_id uuid not null,
  sequence integer not null,
  phone_number_id text not null,
  message_id uuid,
  occurred_at timestamptz not null,
  data json not null,
  position bigint not null default turno_event_position()
);
create unique index events_entity_id_sequence_idx on events (entity_id, sequence);
create unique index events_position_idx on events ("position");

-- How far a reader of the events table has come: everything up to this position has had its effect.
create table event_readers (
  reader text primary key,
  position bigint not null
);

-- Events that the relay has still to publish, by their positions: a row for those that one statement wrote, under the
-- first of them. It goes when the broker has acknowledged them all.
create table outbox (
  position bigint primary key,
  positions bigint[] not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- How far what lies in the stream and the outbox have been brought together: up to `sequence`, whose message bears
-- `message_id`, what is in the stream has left the outbox, and no event above `position_max` is among it. While the
-- stream is refilled, the events after `refill_after` and up to `refill_to` have still to be queued once more, and
-- nothing above `refill_after` is published. One row.
create table relay_state (
  stream text primary key,
  stream_id text not null,
  sequence bigint not null,
  message_id text,
  position_max bigint not null,
  refill_after bigint,
  refill_to bigint
);

-- What the stream held when it ended at a sequence: every event up to `whole_to`, and none above `position_max`. Where
-- the stream lost its tail, the last of these that it still reaches says what it has lost.
create table relay_marks (
  stream_id text not null,
  sequence bigint not null,
  message_id text,
  whole_to bigint not null,
  position_max bigint not null,
  primary key (stream_id, sequence)
);

-- The live readers of a consumer, by lease on the database's clock; partitions are shared out evenly over them.
create table log_readers (
  consumer text not null,
  shard text not null,
  owner uuid not null,
  lease_until timestamptz not null,
  primary key (consumer, shard, owner)
);

-- How far a consumer has come in each partition of the log. Moved by compare-and-set in the transaction of the effect:
-- who lost the lease cannot commit. `watermark_at`: everything that arrived until then has taken effect.
create table log_positions (
  consumer text not null,
  shard text not null,
  partition integer not null,
  stream_id text not null,
  sequence bigint not null,
  owner uuid,
  watermark_at timestamptz,
  primary key (consumer, shard, partition)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Updates that cannot take effect, with the cause: listed, retried or discarded by an operator.
create table dead_letters (
  id uuid primary key,
  key text not null unique,
  cause text not null,
  field text not null,
  line text not null,
  set_aside_at timestamptz not null
);

-- One row while the server runs; Postgres empties this unlogged table when it recovers from a crash. So it is known
-- that a server which does not sync its commits may have lost some.
create unlogged table server_run (
  is_only boolean primary key default true check (is_only)
);

-- The course of history that this database is on: one row, whose id is new after each restore and each promotion of
-- another server. What was remembered or published of another one may not be true here. Until `sends_settled_at` is
-- set, Meta is not called: what the abandoned timeline had sent is not known yet.
create table database_timeline (
  is_only boolean primary key default true check (is_only),
  id uuid not null default gen_random_uuid(),
  server_timeline text not null default turno_server_timeline(),
  began_at timestamptz not null default turno_now(),
  sends_settled_at timestamptz
);

-- What a caller who gave a key was answered, for a day at least. Written in the transaction of the command's effect,
-- which so happens once however often it is asked.
create table command_answers (
  asker text not null,
  verb text not null,
  key text not null,
  fingerprint text not null,
  answer json not null,
  answered_at timestamptz not null,
  primary key (asker, verb, key)
);
create index command_answers_answered_at_idx on command_answers (answered_at);

---- sending -----------------------------------------------------------------------------------------------------------

-- A message to send: a row before it is a call. `waiting → sending → accepted → sent → delivered → read → played`, and
-- `failed` while nothing at or above delivered was seen. `unknown`: the call's outcome is not known; it is never called
-- again by itself, a status settles it. `attempt` is the fencing number: only the holder of the latest may write its
-- outcome. The row's id travels as `biz_opaque_callback_data`.
create table sends (
  id uuid primary key,
  -- Order of sending within a conversation.
  ordinal bigserial,
  conversation_id uuid not null,
  channel_id uuid not null,
  contact_id uuid not null,
  -- The channel's number when it was asked for, then that of its last call. A waiting message goes out on the
  -- channel's.
  phone_number_id text not null,
  agent_id uuid,
  kind text not null,
  -- The Graph API's body without addressing and callback data.
  body json not null,
  -- Whether its failure ends the conversation that it opened.
  is_opening boolean not null default false,
  state text not null check (state in ('waiting', 'sending', 'accepted', 'sent', 'delivered', 'read', 'played', 'failed', 'unknown')),
  attempt integer not null default 0,
  lease_until timestamptz,
  due_at timestamptz not null,
  wamid text,
  error json,
  pricing json,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  -- Whether Meta's answer was that it holds the message back to assess its quality.
  is_held boolean not null default false,
  -- Which of a group's automatic words it is; null for what somebody asked for.
  automatic text
);
create index sends_conversation_id_idx on sends (conversation_id, ordinal) where (state in ('waiting', 'sending'));
create index sends_due_at_idx on sends (channel_id, ((kind = 'template')), due_at, ordinal) where (state = 'waiting');
create index sends_lease_until_idx on sends (lease_until) where (state = 'sending');
create unique index sends_wamid_idx on sends (wamid) where (wamid is not null);

-- Delivery statuses that came before their message was known; they take effect when it is, and are dropped after a
-- week.
create table waiting_statuses (
  key text primary key,
  wamid text not null,
  arrived_at timestamptz not null,
  line text not null
);
create index waiting_statuses_wamid_idx on waiting_statuses (wamid);

-- Meta's templates, by account: filled from its list, kept current by the account webhooks.
create table templates (
  account_id text not null,
  name text not null,
  language text not null,
  template_id text not null,
  status text not null,
  category text not null,
  quality text,
  components json not null,
  changed_at timestamptz not null,
  primary key (account_id, name, language)
);

-- When an account's list of templates was read last, and since when and why it cannot be read.
create table template_lists (
  account_id text primary key,
  read_at timestamptz,
  failed_since timestamptz,
  failure text
);

-- When the next message of a key (a number, or a number and contact pair) fits its rate, shared by all senders.
create table rate_limits (
  key text primary key,
  -- Theoretical arrival time of the generic cell rate algorithm.
  full_at timestamptz not null
);

-- What stops sending where Meta refuses every call of a token, an account, a number, or every template of an account
-- (`templates`). `open`: what it covers waits, and from `tryAt` on one message tries; that it goes through closes the
-- circuit, and so does an operator. The row stays, because a failure from before `closedAt` must not open it again.
create table circuits (
  scope text not null check (scope in ('token', 'account', 'templates', 'number')),
  key text not null,
  state text not null check (state in ('open', 'closed')),
  code integer not null,
  reason text not null,
  -- When Meta refused, or when the call that it refused was leased.
  opened_at timestamptz not null,
  closed_at timestamptz,
  -- Tries since it opened; the waits between them grow.
  tries integer not null default 0,
  -- By the real clock, whatever clock the rules are shown.
  try_at timestamptz not null,
  -- The message that tried last.
  try_send_id uuid,
  primary key (scope, key)
);

---- signing-in --------------------------------------------------------------------------------------------------------

-- As whom an issuer knows an agent: its `iss` and `sub`. An admin names it, or the first sign-in by a verified address
-- notes it.
create table agent_logins (
  issuer text not null,
  subject text not null,
  agent_id uuid not null references agents(id),
  primary key (issuer, subject)
);
create index agent_logins_agent_id_idx on agent_logins (agent_id);

-- One browser in which somebody is signed in. Who that is follows from `agent_logins`, so that it ends with the login.
-- The browser alone holds the secret, from which comes the key of `sealed_tokens`: these rows open nothing.
-- `secret_hash` is the SHA-256 of the secret, in base64url.
create table sign_ins (
  secret_hash text primary key,
  issuer text not null,
  subject text not null,
  -- What the issuer gave, encrypted: for the next refresh, and for its page to sign out.
  sealed_tokens text not null,
  created_at timestamptz not null,
  -- It does not last beyond this, whatever is done with it.
  lasts_until timestamptz not null,
  -- Nor beyond this, unless it is used or it lasts no longer.
  expires_at timestamptz not null,
  -- Until then the issuer's word holds.
  token_ends_at timestamptz not null,
  -- When the issuer is asked again; null where it gave no refresh token.
  refresh_due_at timestamptz,
  -- One process asks the issuer until then, or tries no more before.
  refreshing_until timestamptz,
  -- Counts the tokens: what a slower refresh brings is not taken for the newest.
  refreshes integer not null default 0
);
create index sign_ins_expires_at_idx on sign_ins (expires_at);

---- tickets -----------------------------------------------------------------------------------------------------------

-- The built-in ticket store. `key` names what made the ticket, so that asking twice makes one. `requester_id` is the
-- contact for whose conversation it was made, `requester_name` and `requester_reach` are who asked. `said` holds the
-- words of its actions (`turno_said`); `words` all words that the search knows, without case and accents
-- (`turno_fold`).
create table tickets (
  id uuid primary key,
  number bigint generated always as identity unique,
  key text not null unique,
  subject text not null,
  body text not null,
  requester_id uuid references contacts(id),
  status text not null check (status in ('open', 'pending', 'solved', 'closed')),
  version integer not null default 1,
  -- Counts its events.
  sequence integer not null default 0,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  changed_by json not null,
  requester_name text not null default '',
  requester_reach text not null default '',
  said tsvector not null default ''::tsvector,
  words tsvector generated always as ((to_tsvector('simple', ((((((turno_fold(subject) || ' ') || turno_fold(body)) || ' ') || turno_fold(requester_name)) || ' ') || turno_fold(requester_reach))) || said)) stored
);
create index tickets_requester_id_idx on tickets (requester_id, number);
create index tickets_status_idx on tickets (status, number);
create index tickets_words_idx on tickets using gin (words);

-- What was done on a ticket. `key` is unique: a conversation's history is one action, however often it is added.
create table ticket_actions (
  id uuid primary key,
  key text not null unique,
  ticket_id uuid not null references tickets(id),
  kind text not null check (kind in ('history', 'comment', 'edit')),
  author json not null,
  body text not null,
  created_at timestamptz not null,
  -- How a history's action was completed; null until somebody does.
  note json
);
create index ticket_actions_ticket_id_idx on ticket_actions (ticket_id, id);

-- Histories of ended conversations that have still to be added to their tickets: written with the end, deleted when the
-- ticket store, which may be another program, has taken them.
create table ticket_histories (
  conversation_id uuid primary key,
  ticket_id uuid not null,
  author json not null,
  ended_at timestamptz not null,
  due_at timestamptz not null
);
