ALTER TABLE "messages" ADD COLUMN "text" text;--> statement-breakpoint
CREATE INDEX "messages_change_idx" ON "messages" USING btree ("contact_id") WHERE kind in ('edit', 'revoke');