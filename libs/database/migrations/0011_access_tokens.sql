CREATE TABLE "access_tokens" (
	"scope" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"key_id" text NOT NULL,
	"sealed" text NOT NULL,
	"set_at" timestamp with time zone NOT NULL,
	"set_by" json NOT NULL,
	CONSTRAINT "access_tokens_scope_key_pk" PRIMARY KEY("scope","key"),
	CONSTRAINT "access_tokens_scope_check" CHECK (scope in ('account', 'channel'))
);
--> statement-breakpoint
ALTER TABLE "channels" ADD COLUMN "rate_per_second" integer;