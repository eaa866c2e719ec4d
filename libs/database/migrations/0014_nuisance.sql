ALTER TABLE "contacts" ADD COLUMN "blocked_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "agents_may_close_as_spam" boolean DEFAULT false NOT NULL;