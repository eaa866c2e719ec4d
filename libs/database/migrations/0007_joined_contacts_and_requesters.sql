CREATE TABLE "template_lists" (
	"account_id" text PRIMARY KEY NOT NULL,
	"read_at" timestamp with time zone,
	"failed_since" timestamp with time zone,
	"failure" text
);
--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "joined_into_id" uuid;--> statement-breakpoint
ALTER TABLE "contacts" ADD COLUMN "user_id_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "contacts" ADD COLUMN "phone_key" text;--> statement-breakpoint
ALTER TABLE "contacts" ADD COLUMN "phone_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "contacts" ADD COLUMN "named_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "contacts" ADD COLUMN "joined_into_id" uuid;--> statement-breakpoint
CREATE INDEX "contacts_joined_into_id_idx" ON "contacts" USING btree ("joined_into_id") WHERE joined_into_id is not null;--> statement-breakpoint
ALTER TABLE "ticket_actions" ADD COLUMN "note" json;--> statement-breakpoint
ALTER TABLE "tickets" ADD COLUMN "requester_name" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "tickets" ADD COLUMN "requester_reach" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "tickets" ADD COLUMN "said" "tsvector" DEFAULT ''::tsvector NOT NULL;--> statement-breakpoint
-- The words of what was said on a ticket, with those of one text more. A tsvector holds 1 MB at most, of which the ticket's
-- own words need a part: of more than that the first words are kept.
create function turno_said(said tsvector, value text) returns tsvector language plpgsql immutable as $$
declare
  grown tsvector;
begin
  grown := said || strip(to_tsvector('simple', turno_fold(left(value, 200000))));
  return case when octet_length(tsvectorsend(grown)) > 700000 then said else grown end;
exception when program_limit_exceeded then
  return said;
end
$$;--> statement-breakpoint
update tickets set said = turno_said(said, (
  select string_agg(body, ' ' order by id) from ticket_actions where ticket_id = tickets.id and kind <> 'edit'
)) where exists (select from ticket_actions where ticket_id = tickets.id and kind <> 'edit');--> statement-breakpoint
update tickets set requester_name = coalesce(contacts.name, contacts.username, contacts.phone, ''),
  requester_reach = coalesce(contacts.phone, contacts.username, '')
from contacts where contacts.id = tickets.requester_id;--> statement-breakpoint
ALTER TABLE "tickets" drop column "words";--> statement-breakpoint
ALTER TABLE "tickets" ADD COLUMN "words" "tsvector" GENERATED ALWAYS AS (to_tsvector('simple', turno_fold(subject) || ' ' || turno_fold(body) || ' ' || turno_fold(requester_name) || ' ' || turno_fold(requester_reach)) || said) STORED;--> statement-breakpoint
CREATE INDEX "tickets_words_idx" ON "tickets" USING gin ("words");
