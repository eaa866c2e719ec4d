DROP INDEX "sends_due_at_idx";--> statement-breakpoint
CREATE INDEX "sends_lease_until_idx" ON "sends" USING btree ("lease_until") WHERE state = 'sending';--> statement-breakpoint
CREATE INDEX "sends_due_at_idx" ON "sends" USING btree ("phone_number_id","due_at","ordinal") WHERE state = 'waiting';