ALTER TABLE "groups" ADD COLUMN "first_answer_seconds" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "absent_requeue_seconds" integer DEFAULT 0 NOT NULL;