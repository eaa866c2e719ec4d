-- Text without case and accents, for searching: decomposed, without combining marks, in lower case.
create function turno_fold(value text) returns text language sql immutable strict parallel safe
  return lower(regexp_replace(normalize(value, NFD), '[\u0300-\u036f]', '', 'g'));
--> statement-breakpoint
CREATE TABLE "event_readers" (
	"reader" text PRIMARY KEY NOT NULL,
	"transaction" bigint NOT NULL,
	"event_id" uuid NOT NULL
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
ALTER TABLE "events" ADD COLUMN "transaction" bigint DEFAULT pg_current_xact_id()::text::bigint NOT NULL;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "closing_needs_ticket" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "ticket_actions" ADD CONSTRAINT "ticket_actions_ticket_id_tickets_id_fk" FOREIGN KEY ("ticket_id") REFERENCES "public"."tickets"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tickets" ADD CONSTRAINT "tickets_requester_id_contacts_id_fk" FOREIGN KEY ("requester_id") REFERENCES "public"."contacts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "ticket_actions_ticket_id_idx" ON "ticket_actions" USING btree ("ticket_id","id");--> statement-breakpoint
CREATE INDEX "tickets_words_idx" ON "tickets" USING gin ("words");--> statement-breakpoint
CREATE INDEX "tickets_requester_id_idx" ON "tickets" USING btree ("requester_id","number");--> statement-breakpoint
CREATE INDEX "conversations_ticket_id_idx" ON "conversations" USING btree ("ticket_id") WHERE ticket_id is not null;--> statement-breakpoint
CREATE INDEX "conversations_group_id_state_idx" ON "conversations" USING btree ("group_id","state","id") WHERE state in ('expired', 'closed');--> statement-breakpoint
CREATE INDEX "conversations_agent_id_state_idx" ON "conversations" USING btree ("agent_id","state","id") WHERE state in ('expired', 'closed');--> statement-breakpoint
CREATE INDEX "events_transaction_idx" ON "events" USING btree ("transaction");