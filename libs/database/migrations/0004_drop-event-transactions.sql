ALTER TABLE "event_readers" DISABLE ROW LEVEL SECURITY;--> statement-breakpoint
DROP TABLE "event_readers" CASCADE;--> statement-breakpoint
DROP INDEX "events_transaction_idx";--> statement-breakpoint
ALTER TABLE "events" DROP COLUMN "transaction";