CREATE SEQUENCE "public"."events_position" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
-- The database's clock: leases and Meta's rates go by it, because they are about processes and not about customers. Only a
-- test replaces this function, to set the clock.
create function turno_clock() returns timestamptz language sql volatile as 'select clock_timestamp()';
--> statement-breakpoint
-- The one clock of every rule. Only a test or demo database may replace this function, to shift or speed up time, and the
-- next one with it, which says that it was done on purpose: nothing expires where the two clocks differ without it.
create function turno_now() returns timestamptz language sql volatile as 'select turno_clock()';
--> statement-breakpoint
create function turno_clock_is_shifted() returns boolean language sql immutable as 'select false';
--> statement-breakpoint
-- How many migrations code must know to work on this schema. Raised by each migration that takes something away.
create function turno_migrations_min() returns integer language sql immutable as 'select 1';
--> statement-breakpoint
-- Text without case and accents, for searching: decomposed, without combining marks, in lower case.
create function turno_fold(value text) returns text language sql immutable strict parallel safe
  return lower(regexp_replace(normalize(value, NFD), '[\u0300-\u036f]', '', 'g'));
--> statement-breakpoint
-- The lines of a parameter. Planned as a hundred, as json_to_recordset is, whatever they are.
create function turno_lines(value text) returns setof text language sql immutable strict parallel safe rows 100
  as 'select string_to_table(value, E''\n'')';
--> statement-breakpoint
-- The transaction has its id before it takes a position: if a transaction is known to have begun after a moment, its
-- positions are from after that moment.
create function turno_event_position() returns bigint language sql volatile
  return (select nextval('events_position') from pg_current_xact_id());
--> statement-breakpoint
-- The first part of the name of a WAL file: Postgres's own timeline, new after each promotion.
create function turno_server_timeline() returns text language sql volatile
  as 'select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)';
--> statement-breakpoint
CREATE TABLE "assignments" (
	"id" uuid PRIMARY KEY NOT NULL,
	"conversation_id" uuid NOT NULL,
	"group_id" uuid NOT NULL,
	"agent_id" uuid NOT NULL,
	"assigned_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"reason" json NOT NULL
);
--> statement-breakpoint
CREATE TABLE "conversations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"channel_id" uuid NOT NULL,
	"contact_id" uuid NOT NULL,
	"group_id" uuid NOT NULL,
	"state" text NOT NULL,
	"agent_id" uuid,
	"requeued_from_agent_id" uuid,
	"opened_at" timestamp with time zone NOT NULL,
	"queued_at" timestamp with time zone NOT NULL,
	"assigned_at" timestamp with time zone,
	"session_ends_at" timestamp with time zone,
	"session_closed_at" timestamp with time zone,
	"check_at" timestamp with time zone NOT NULL,
	"warned_ends_at" timestamp with time zone,
	"warned_minutes" integer,
	"continues_conversation_id" uuid,
	"ticket_id" uuid,
	"ticket_number" bigint,
	"ticket_link" text,
	"sequence" integer NOT NULL,
	CONSTRAINT "conversations_state_check" CHECK (state in ('queued', 'active', 'expired', 'closed', 'failed')),
	CONSTRAINT "conversations_agent_check" CHECK ((state = 'queued') <= (agent_id is null) and (state = 'active') <= (agent_id is not null))
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"conversation_id" uuid,
	"contact_id" uuid,
	"direction" text NOT NULL,
	"kind" text NOT NULL,
	"sent_at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"payload" json NOT NULL,
	CONSTRAINT "messages_key_unique" UNIQUE("key"),
	CONSTRAINT "messages_direction_check" CHECK (direction in ('in', 'out'))
);
--> statement-breakpoint
CREATE TABLE "observations" (
	"key" text PRIMARY KEY NOT NULL,
	"what" text NOT NULL,
	"phone_number_id" text,
	"received_at" timestamp with time zone NOT NULL,
	"line" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "database_timeline" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"server_timeline" text DEFAULT turno_server_timeline() NOT NULL,
	"began_at" timestamp with time zone DEFAULT turno_now() NOT NULL,
	"sends_settled_at" timestamp with time zone,
	CONSTRAINT "database_timeline_is_only_check" CHECK (is_only)
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"cause" text NOT NULL,
	"field" text NOT NULL,
	"line" text NOT NULL,
	"set_aside_at" timestamp with time zone NOT NULL,
	CONSTRAINT "dead_letters_key_unique" UNIQUE("key")
);
--> statement-breakpoint
CREATE TABLE "event_readers" (
	"reader" text PRIMARY KEY NOT NULL,
	"position" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"entity_id" uuid NOT NULL,
	"sequence" integer NOT NULL,
	"phone_number_id" text NOT NULL,
	"message_id" uuid,
	"occurred_at" timestamp with time zone NOT NULL,
	"data" json NOT NULL,
	"position" bigint DEFAULT turno_event_position() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "log_positions" (
	"consumer" text NOT NULL,
	"shard" text NOT NULL,
	"partition" integer NOT NULL,
	"stream_id" text NOT NULL,
	"sequence" bigint NOT NULL,
	"owner" uuid,
	"lease_until" timestamp with time zone,
	"watermark_at" timestamp with time zone,
	CONSTRAINT "log_positions_consumer_shard_partition_pk" PRIMARY KEY("consumer","shard","partition")
);
--> statement-breakpoint
CREATE TABLE "log_readers" (
	"consumer" text NOT NULL,
	"shard" text NOT NULL,
	"owner" uuid NOT NULL,
	"lease_until" timestamp with time zone NOT NULL,
	CONSTRAINT "log_readers_consumer_shard_owner_pk" PRIMARY KEY("consumer","shard","owner")
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"position" bigint PRIMARY KEY NOT NULL,
	"positions" bigint[] NOT NULL
);
--> statement-breakpoint
CREATE TABLE "relay_marks" (
	"stream_id" text NOT NULL,
	"sequence" bigint NOT NULL,
	"message_id" text,
	"whole_to" bigint NOT NULL,
	"position_max" bigint NOT NULL,
	CONSTRAINT "relay_marks_stream_id_sequence_pk" PRIMARY KEY("stream_id","sequence")
);
--> statement-breakpoint
CREATE TABLE "relay_state" (
	"stream" text PRIMARY KEY NOT NULL,
	"stream_id" text NOT NULL,
	"sequence" bigint NOT NULL,
	"message_id" text,
	"position_max" bigint NOT NULL,
	"refill_after" bigint,
	"refill_to" bigint
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "server_run" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	CONSTRAINT "server_run_is_only_check" CHECK (is_only)
);
--> statement-breakpoint
CREATE TABLE "agents" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"role" text NOT NULL,
	"availability" text DEFAULT 'away' NOT NULL,
	"capacity" integer,
	"active_count" integer DEFAULT 0 NOT NULL,
	"present_until" timestamp with time zone,
	"sequence" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "agents_role_check" CHECK (role in ('agent', 'operator', 'admin')),
	CONSTRAINT "agents_availability_check" CHECK (availability in ('available', 'away')),
	CONSTRAINT "agents_active_count_check" CHECK (active_count >= 0)
);
--> statement-breakpoint
CREATE TABLE "channels" (
	"id" uuid PRIMARY KEY NOT NULL,
	"phone_number_id" text NOT NULL,
	"account_id" text,
	"name" text NOT NULL,
	"group_id" uuid NOT NULL,
	CONSTRAINT "channels_phone_number_id_unique" UNIQUE("phone_number_id")
);
--> statement-breakpoint
CREATE TABLE "contact_conflicts" (
	"contact_id" uuid NOT NULL,
	"other_contact_id" uuid NOT NULL,
	"noticed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "contact_conflicts_contact_id_other_contact_id_pk" PRIMARY KEY("contact_id","other_contact_id")
);
--> statement-breakpoint
CREATE TABLE "contact_identities" (
	"kind" text NOT NULL,
	"value" text NOT NULL,
	"contact_id" uuid NOT NULL,
	"retired_at" timestamp with time zone,
	CONSTRAINT "contact_identities_kind_value_pk" PRIMARY KEY("kind","value"),
	CONSTRAINT "contact_identities_kind_check" CHECK (kind in ('user', 'parent', 'phone'))
);
--> statement-breakpoint
CREATE TABLE "contacts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" text,
	"phone" text,
	"name" text,
	"username" text,
	"sequence" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "group_members" (
	"group_id" uuid NOT NULL,
	"agent_id" uuid NOT NULL,
	"last_turn" bigint DEFAULT 0 NOT NULL,
	"is_in_rotation" boolean DEFAULT true NOT NULL,
	CONSTRAINT "group_members_group_id_agent_id_pk" PRIMARY KEY("group_id","agent_id")
);
--> statement-breakpoint
CREATE TABLE "groups" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"distribution" text NOT NULL,
	"needs_presence" boolean DEFAULT false NOT NULL,
	"returning_within_days" integer DEFAULT 0 NOT NULL,
	"returning_wait_seconds" integer DEFAULT 0 NOT NULL,
	"closing_needs_ticket" boolean DEFAULT true NOT NULL,
	"first_answer_seconds" integer DEFAULT 0 NOT NULL,
	"absent_requeue_seconds" integer DEFAULT 0 NOT NULL,
	"turn" bigint DEFAULT 0 NOT NULL,
	"round_turn" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "groups_distribution_check" CHECK (distribution in ('automatic', 'manual'))
);
--> statement-breakpoint
CREATE TABLE "circuits" (
	"scope" text NOT NULL,
	"key" text NOT NULL,
	"state" text NOT NULL,
	"code" integer NOT NULL,
	"reason" text NOT NULL,
	"opened_at" timestamp with time zone NOT NULL,
	"closed_at" timestamp with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"try_at" timestamp with time zone NOT NULL,
	"try_send_id" uuid,
	CONSTRAINT "circuits_scope_key_pk" PRIMARY KEY("scope","key"),
	CONSTRAINT "circuits_scope_check" CHECK (scope in ('token', 'account', 'templates', 'number')),
	CONSTRAINT "circuits_state_check" CHECK (state in ('open', 'closed'))
);
--> statement-breakpoint
CREATE TABLE "rate_limits" (
	"key" text PRIMARY KEY NOT NULL,
	"full_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sends" (
	"id" uuid PRIMARY KEY NOT NULL,
	"ordinal" bigserial NOT NULL,
	"conversation_id" uuid NOT NULL,
	"channel_id" uuid NOT NULL,
	"contact_id" uuid NOT NULL,
	"phone_number_id" text NOT NULL,
	"agent_id" uuid,
	"kind" text NOT NULL,
	"body" json NOT NULL,
	"is_opening" boolean DEFAULT false NOT NULL,
	"state" text NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"lease_until" timestamp with time zone,
	"due_at" timestamp with time zone NOT NULL,
	"wamid" text,
	"error" json,
	"pricing" json,
	"created_at" timestamp with time zone NOT NULL,
	"changed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "sends_state_check" CHECK (state in ('waiting', 'sending', 'accepted', 'sent', 'delivered', 'read', 'played', 'failed', 'unknown'))
);
--> statement-breakpoint
CREATE TABLE "templates" (
	"account_id" text NOT NULL,
	"name" text NOT NULL,
	"language" text NOT NULL,
	"template_id" text NOT NULL,
	"status" text NOT NULL,
	"category" text NOT NULL,
	"quality" text,
	"components" json NOT NULL,
	"changed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "templates_account_id_name_language_pk" PRIMARY KEY("account_id","name","language")
);
--> statement-breakpoint
CREATE TABLE "waiting_statuses" (
	"key" text PRIMARY KEY NOT NULL,
	"wamid" text NOT NULL,
	"arrived_at" timestamp with time zone NOT NULL,
	"line" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ticket_actions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"ticket_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"author" json NOT NULL,
	"body" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "ticket_actions_key_unique" UNIQUE("key"),
	CONSTRAINT "ticket_actions_kind_check" CHECK (kind in ('history', 'comment', 'edit'))
);
--> statement-breakpoint
CREATE TABLE "ticket_histories" (
	"conversation_id" uuid PRIMARY KEY NOT NULL,
	"ticket_id" uuid NOT NULL,
	"author" json NOT NULL,
	"ended_at" timestamp with time zone NOT NULL,
	"due_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tickets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"number" bigint GENERATED ALWAYS AS IDENTITY (sequence name "tickets_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"key" text NOT NULL,
	"subject" text NOT NULL,
	"body" text NOT NULL,
	"requester_id" uuid,
	"status" text NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"sequence" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"changed_at" timestamp with time zone NOT NULL,
	"changed_by" json NOT NULL,
	"words" "tsvector" GENERATED ALWAYS AS (to_tsvector('simple', turno_fold(subject) || ' ' || turno_fold(body))) STORED,
	CONSTRAINT "tickets_number_unique" UNIQUE("number"),
	CONSTRAINT "tickets_key_unique" UNIQUE("key"),
	CONSTRAINT "tickets_status_check" CHECK (status in ('open', 'pending', 'solved', 'closed'))
);
--> statement-breakpoint
ALTER TABLE "channels" ADD CONSTRAINT "channels_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_members" ADD CONSTRAINT "group_members_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_members" ADD CONSTRAINT "group_members_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ticket_actions" ADD CONSTRAINT "ticket_actions_ticket_id_tickets_id_fk" FOREIGN KEY ("ticket_id") REFERENCES "public"."tickets"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tickets" ADD CONSTRAINT "tickets_requester_id_contacts_id_fk" FOREIGN KEY ("requester_id") REFERENCES "public"."contacts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "assignments_current_idx" ON "assignments" USING btree ("conversation_id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "assignments_conversation_id_idx" ON "assignments" USING btree ("conversation_id","assigned_at");--> statement-breakpoint
CREATE UNIQUE INDEX "conversations_open_idx" ON "conversations" USING btree ("contact_id","channel_id") WHERE state in ('queued', 'active');--> statement-breakpoint
CREATE INDEX "conversations_queue_idx" ON "conversations" USING btree ("group_id","queued_at","id") WHERE state = 'queued';--> statement-breakpoint
CREATE INDEX "conversations_check_at_idx" ON "conversations" USING btree ("check_at") WHERE state in ('queued', 'active');--> statement-breakpoint
CREATE UNIQUE INDEX "conversations_continues_idx" ON "conversations" USING btree ("continues_conversation_id") WHERE continues_conversation_id is not null and state <> 'failed';--> statement-breakpoint
CREATE INDEX "conversations_contact_id_idx" ON "conversations" USING btree ("contact_id","opened_at");--> statement-breakpoint
CREATE INDEX "conversations_ticket_id_idx" ON "conversations" USING btree ("ticket_id") WHERE ticket_id is not null;--> statement-breakpoint
CREATE INDEX "conversations_group_id_state_idx" ON "conversations" USING btree ("group_id","state","id") WHERE state in ('active', 'expired', 'closed');--> statement-breakpoint
CREATE INDEX "conversations_agent_id_state_idx" ON "conversations" USING btree ("agent_id","state","group_id","id") WHERE state in ('active', 'expired', 'closed');--> statement-breakpoint
CREATE INDEX "messages_conversation_id_idx" ON "messages" USING btree ("conversation_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "events_entity_id_sequence_idx" ON "events" USING btree ("entity_id","sequence");--> statement-breakpoint
CREATE UNIQUE INDEX "events_position_idx" ON "events" USING btree ("position");--> statement-breakpoint
CREATE INDEX "contact_identities_contact_id_idx" ON "contact_identities" USING btree ("contact_id");--> statement-breakpoint
CREATE INDEX "group_members_agent_id_idx" ON "group_members" USING btree ("agent_id","is_in_rotation");--> statement-breakpoint
CREATE INDEX "group_members_rotation_idx" ON "group_members" USING btree ("group_id","is_in_rotation","last_turn","agent_id");--> statement-breakpoint
CREATE UNIQUE INDEX "sends_wamid_idx" ON "sends" USING btree ("wamid") WHERE wamid is not null;--> statement-breakpoint
CREATE INDEX "sends_conversation_id_idx" ON "sends" USING btree ("conversation_id","ordinal") WHERE state in ('waiting', 'sending');--> statement-breakpoint
CREATE INDEX "sends_due_at_idx" ON "sends" USING btree ("channel_id",(kind = 'template'),"due_at","ordinal") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "sends_lease_until_idx" ON "sends" USING btree ("lease_until") WHERE state = 'sending';--> statement-breakpoint
CREATE INDEX "waiting_statuses_wamid_idx" ON "waiting_statuses" USING btree ("wamid");--> statement-breakpoint
CREATE INDEX "ticket_actions_ticket_id_idx" ON "ticket_actions" USING btree ("ticket_id","id");--> statement-breakpoint
CREATE INDEX "tickets_words_idx" ON "tickets" USING gin ("words");--> statement-breakpoint
CREATE INDEX "tickets_requester_id_idx" ON "tickets" USING btree ("requester_id","number");--> statement-breakpoint
CREATE INDEX "tickets_status_idx" ON "tickets" USING btree ("status","number");
--> statement-breakpoint
-- Room on the page for the updates that come with every message, so that they stay HOT.
alter table conversations set (fillfactor = 85);
--> statement-breakpoint
alter table agents set (fillfactor = 50);
--> statement-breakpoint
alter table groups set (fillfactor = 50);
--> statement-breakpoint
-- Each turn moves a member in the index of the rotation, which is read from its beginning, past rows that are dead.
alter table group_members set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
--> statement-breakpoint
alter table log_positions set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
--> statement-breakpoint
-- Rows come and go within milliseconds; a bloated outbox would make the relay read dead rows.
alter table outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
--> statement-breakpoint
-- A member that rests comes back into the rotation in the transaction that may make it eligible, whatever makes that change.
create function turno_end_rest_of_agent() returns trigger language plpgsql as $$
  begin
    update group_members set is_in_rotation = true where agent_id = new.id and not is_in_rotation;
    return null;
  end $$;
--> statement-breakpoint
create trigger agents_end_rest after update of availability, capacity, active_count, present_until on agents
  for each row when (
    new.availability = 'available' and (new.capacity is null or new.active_count < new.capacity) and (
      old.availability <> 'available' or old.active_count >= old.capacity
        or old.present_until is distinct from new.present_until))
  execute function turno_end_rest_of_agent();
--> statement-breakpoint
-- In a group that does not ask for presence any more, those who rest because they were absent may be eligible.
create function turno_end_rest_of_group() returns trigger language plpgsql as $$
  begin
    perform from agents where id in (select agent_id from group_members where group_id = new.id and not is_in_rotation)
      order by id for no key update;
    update group_members set is_in_rotation = true where group_id = new.id and not is_in_rotation;
    return null;
  end $$;
--> statement-breakpoint
create trigger groups_end_rest after update of needs_presence on groups
  for each row when (old.needs_presence and not new.needs_presence) execute function turno_end_rest_of_group();
--> statement-breakpoint
insert into server_run default values;
--> statement-breakpoint
insert into database_timeline (sends_settled_at) values (turno_now());
--> statement-breakpoint
-- False where another server was promoted, or one crashed that does not sync its commits: some of them may be gone.
create function turno_timeline_is_current() returns boolean language sql volatile as '
  select server_timeline = turno_server_timeline()
    and (current_setting(''synchronous_commit'') <> ''off'' or exists (select from server_run))
  from database_timeline';
--> statement-breakpoint
-- To be called once in a restored database, before anything else connects to it: what was remembered of the other course of
-- history is void from here on.
create function turno_begin_timeline() returns uuid language sql volatile as '
  insert into server_run default values on conflict do nothing;
  update database_timeline set id = gen_random_uuid(), server_timeline = turno_server_timeline(), began_at = turno_now(),
    sends_settled_at = null
  returning id';
--> statement-breakpoint
-- Whether Meta may be called: not before it is known what the abandoned timeline had sent.
create function turno_may_send() returns boolean language sql volatile as '
  select sends_settled_at is not null and turno_timeline_is_current() from database_timeline';
