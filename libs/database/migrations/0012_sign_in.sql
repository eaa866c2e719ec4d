CREATE TABLE "agent_logins" (
	"issuer" text NOT NULL,
	"subject" text NOT NULL,
	"agent_id" uuid NOT NULL,
	CONSTRAINT "agent_logins_issuer_subject_pk" PRIMARY KEY("issuer","subject")
);
--> statement-breakpoint
CREATE TABLE "sign_ins" (
	"secret_hash" text PRIMARY KEY NOT NULL,
	"issuer" text NOT NULL,
	"subject" text NOT NULL,
	"sealed_tokens" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"lasts_until" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"token_ends_at" timestamp with time zone NOT NULL,
	"refresh_due_at" timestamp with time zone,
	"refreshing_until" timestamp with time zone,
	"refreshes" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "email" text;--> statement-breakpoint
ALTER TABLE "agent_logins" ADD CONSTRAINT "agent_logins_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "agent_logins_agent_id_idx" ON "agent_logins" USING btree ("agent_id");--> statement-breakpoint
CREATE INDEX "sign_ins_expires_at_idx" ON "sign_ins" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "agents_email_idx" ON "agents" USING btree ("email");