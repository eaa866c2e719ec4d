-- Lists of a group, and of an agent in a group, for each state that a list shows newest first. What is active was found
-- by reading everything newer, and an agent's conversations in a group by reading all of the group. An assignment writes
-- one entry of an index more, and a message none.
DROP INDEX "conversations_agent_id_idx";--> statement-breakpoint
DROP INDEX "conversations_group_id_state_idx";--> statement-breakpoint
DROP INDEX "conversations_agent_id_state_idx";--> statement-breakpoint
CREATE INDEX "tickets_status_idx" ON "tickets" USING btree ("status","number");--> statement-breakpoint
CREATE INDEX "conversations_group_id_state_idx" ON "conversations" USING btree ("group_id","state","id") WHERE state in ('active', 'expired', 'closed');--> statement-breakpoint
CREATE INDEX "conversations_agent_id_state_idx" ON "conversations" USING btree ("agent_id","state","group_id","id") WHERE state in ('active', 'expired', 'closed');