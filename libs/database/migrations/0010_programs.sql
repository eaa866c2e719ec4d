CREATE TABLE "program_groups" (
	"program_name" text NOT NULL,
	"group_id" uuid NOT NULL,
	CONSTRAINT "program_groups_program_name_group_id_pk" PRIMARY KEY("program_name","group_id")
);
--> statement-breakpoint
CREATE TABLE "programs" (
	"name" text PRIMARY KEY NOT NULL,
	"in_all_groups" boolean NOT NULL
);
--> statement-breakpoint
ALTER TABLE "program_groups" ADD CONSTRAINT "program_groups_program_name_programs_name_fk" FOREIGN KEY ("program_name") REFERENCES "public"."programs"("name") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "program_groups" ADD CONSTRAINT "program_groups_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE no action ON UPDATE no action;