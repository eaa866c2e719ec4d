-- The release before it reads a conversation by the first column of the new index, so code that knows two migrations works on.
DROP INDEX "messages_conversation_id_idx";--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "text" text;--> statement-breakpoint
ALTER TABLE "contacts" ADD COLUMN "marketing_is_stopped" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "contacts" ADD COLUMN "marketing_said_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "messages_said_idx" ON "messages" USING btree ("conversation_id","sent_at","id");--> statement-breakpoint
CREATE INDEX "messages_change_idx" ON "messages" USING btree ("contact_id") WHERE kind in ('edit', 'revoke');