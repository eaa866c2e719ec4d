CREATE SEQUENCE "public"."events_position" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
-- The transaction has its id before it takes a position: whoever knows that a transaction began after a moment knows that its
-- positions are from after that moment.
create function turno_event_position() returns bigint language sql volatile
  return (select nextval('events_position') from pg_current_xact_id());
--> statement-breakpoint
CREATE TABLE "event_readers" (
	"reader" text PRIMARY KEY NOT NULL,
	"position" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "position" bigint DEFAULT turno_event_position() NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "events_position_idx" ON "events" USING btree ("position");