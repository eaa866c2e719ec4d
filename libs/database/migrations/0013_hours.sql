CREATE TABLE "word_looks" (
	"conversation_id" uuid PRIMARY KEY NOT NULL,
	"look_at" timestamp with time zone NOT NULL,
	"is_opening" boolean NOT NULL
);
--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "said_words" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "hours" json;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "outside_hours" text DEFAULT 'ignored' NOT NULL;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "overflow_group_id" uuid;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "overflow_seconds" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "automatic_words" json;--> statement-breakpoint
ALTER TABLE "sends" ADD COLUMN "automatic" text;--> statement-breakpoint
CREATE INDEX "word_looks_look_at_idx" ON "word_looks" USING btree ("look_at");--> statement-breakpoint
ALTER TABLE "groups" ADD CONSTRAINT "groups_overflow_group_id_groups_id_fk" FOREIGN KEY ("overflow_group_id") REFERENCES "public"."groups"("id") ON DELETE no action ON UPDATE no action;