-- A row holds the events that one statement wrote: with a row each, queueing cost as much as the events.
ALTER TABLE "outbox" ADD COLUMN "positions" bigint[];--> statement-breakpoint
update outbox set positions = array[position];--> statement-breakpoint
ALTER TABLE "outbox" ALTER COLUMN "positions" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "outbox" DROP COLUMN "event_id";
