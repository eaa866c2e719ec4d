ALTER TABLE "conversations" ADD COLUMN "lapsed_agent_ids" uuid[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "lapsed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "waiting_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "waiting_noted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "away_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "counts_presence" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "presence" text GENERATED ALWAYS AS (case when needs_presence then 'required' when counts_presence then 'counted' else 'ignored' end) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "answer_seconds" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "lapses_max" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "groups" ADD COLUMN "when_away" text DEFAULT 'keep' NOT NULL;--> statement-breakpoint
-- In a group that makes something else of screens, those who rest because they were absent may be eligible.
drop trigger groups_end_rest on groups;
--> statement-breakpoint
create trigger groups_end_rest after update of needs_presence, counts_presence on groups
  for each row when (old.presence is distinct from new.presence) execute function turno_end_rest_of_group();
