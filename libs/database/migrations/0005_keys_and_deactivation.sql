CREATE TABLE "command_answers" (
	"asker" text NOT NULL,
	"verb" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"answer" json NOT NULL,
	"answered_at" timestamp with time zone NOT NULL,
	CONSTRAINT "command_answers_asker_verb_key_pk" PRIMARY KEY("asker","verb","key")
);
--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "deactivated_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "command_answers_answered_at_idx" ON "command_answers" USING btree ("answered_at");--> statement-breakpoint
ALTER TABLE "agents" ADD CONSTRAINT "agents_deactivated_check" CHECK (deactivated_at is null or (availability = 'away' and active_count = 0));