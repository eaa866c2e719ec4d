ALTER TABLE "messages" ADD COLUMN "text" text;--> statement-breakpoint
ALTER TABLE "contacts" ADD COLUMN "marketing_is_stopped" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "contacts" ADD COLUMN "marketing_said_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "messages_change_idx" ON "messages" USING btree ("contact_id") WHERE kind in ('edit', 'revoke');